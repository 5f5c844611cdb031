// SPDX-License-Identifier: MIT
/* Made by make_abi_vectors.py; do not edit. */
#ifndef SU_TEST_ABI_VECTORS_H
#define SU_TEST_ABI_VECTORS_H

/* S(struct, bytes) F(struct, field, offset, bytes) */
#define LAYOUTS(S, F) \
    S(su_acc_head, 40) \
    F(su_acc_head, tag, 0, 1) \
    F(su_acc_head, version, 1, 1) \
    F(su_acc_head, bump, 2, 1) \
    F(su_acc_head, pad, 3, 5) \
    F(su_acc_head, rent_payer, 8, 32) \
    S(su_acc_state, 224) \
    F(su_acc_state, head, 0, 40) \
    F(su_acc_state, admin, 40, 32) \
    F(su_acc_state, mint, 72, 32) \
    F(su_acc_state, vault, 104, 32) \
    F(su_acc_state, vault_authority, 136, 32) \
    F(su_acc_state, genesis, 168, 32) \
    F(su_acc_state, latest_epoch, 200, 8) \
    F(su_acc_state, latest_start_slot, 208, 8) \
    F(su_acc_state, vault_bump, 216, 1) \
    F(su_acc_state, pad, 217, 7) \
    S(su_params, 232) \
    F(su_params, oracle_bond, 0, 8) \
    F(su_params, stake_base, 8, 8) \
    F(su_params, stake_per_gib, 16, 8) \
    F(su_params, stake_floor, 24, 8) \
    F(su_params, stake_max, 32, 8) \
    F(su_params, fee_base, 40, 8) \
    F(su_params, fee_unit, 48, 8) \
    F(su_params, oracle_fee, 56, 8) \
    F(su_params, sampling_min_ppm, 64, 4) \
    F(su_params, escalated_ppm, 68, 4) \
    F(su_params, validator_share_ppm, 72, 4) \
    F(su_params, surcharge_ppm, 76, 4) \
    F(su_params, owner_share_min_ppm, 80, 4) \
    F(su_params, margin_ppm, 84, 4) \
    F(su_params, bounty_ppm, 88, 4) \
    F(su_params, min_owners, 92, 4) \
    F(su_params, ms_per_slot, 96, 4) \
    F(su_params, numerics_version, 100, 4) \
    F(su_params, attempts_max, 104, 4) \
    F(su_params, validators_max, 108, 4) \
    F(su_params, config_delay_slots, 112, 8) \
    F(su_params, cooldown_slots, 120, 8) \
    F(su_params, round_slots, 128, 8) \
    F(su_params, request_expiry_slots, 136, 8) \
    F(su_params, freeze_slots, 144, 8) \
    F(su_params, turn_slots, 152, 8) \
    F(su_params, reveal_slots, 160, 8) \
    F(su_params, silence_slots, 168, 8) \
    F(su_params, missing_slots, 176, 8) \
    F(su_params, commit_base_ms, 184, 8) \
    F(su_params, commit_step_ms, 192, 8) \
    F(su_params, commit_unit_ms, 200, 8) \
    F(su_params, dispute_base_ms, 208, 8) \
    F(su_params, dispute_bytes_per_s, 216, 8) \
    F(su_params, dispute_units_per_s, 224, 8) \
    S(su_config_oracle, 64) \
    F(su_config_oracle, key, 0, 32) \
    F(su_config_oracle, vrf_key, 32, 32) \
    S(su_acc_config, 840) \
    F(su_acc_config, head, 0, 40) \
    F(su_acc_config, epoch, 40, 8) \
    F(su_acc_config, start_slot, 48, 8) \
    F(su_acc_config, oracle_count, 56, 1) \
    F(su_acc_config, quorum, 57, 1) \
    F(su_acc_config, pad, 58, 6) \
    F(su_acc_config, genesis, 64, 32) \
    F(su_acc_config, params, 96, 232) \
    F(su_acc_config, oracles, 328, 512) \
    S(su_acc_oracle, 256) \
    F(su_acc_oracle, head, 0, 40) \
    F(su_acc_oracle, key, 40, 32) \
    F(su_acc_oracle, vrf_key, 72, 32) \
    F(su_acc_oracle, owner, 104, 32) \
    F(su_acc_oracle, bond, 136, 8) \
    F(su_acc_oracle, earned, 144, 8) \
    F(su_acc_oracle, last_epoch, 152, 8) \
    F(su_acc_oracle, serving_until_slot, 160, 8) \
    F(su_acc_oracle, votes, 168, 4) \
    F(su_acc_oracle, draws, 172, 4) \
    F(su_acc_oracle, silent, 176, 4) \
    F(su_acc_oracle, pad0, 180, 4) \
    F(su_acc_oracle, listed, 184, 1) \
    F(su_acc_oracle, endpoint_len, 185, 1) \
    F(su_acc_oracle, pad, 186, 6) \
    F(su_acc_oracle, endpoint, 192, 64) \
    S(su_acc_model, 320) \
    F(su_acc_model, head, 0, 40) \
    F(su_acc_model, creator, 40, 32) \
    F(su_acc_model, digest, 72, 32) \
    F(su_acc_model, task_count, 104, 2) \
    F(su_acc_model, tasks_added, 106, 2) \
    F(su_acc_model, sample_task, 108, 2) \
    F(su_acc_model, feedback_task, 110, 2) \
    F(su_acc_model, feedback_output, 112, 1) \
    F(su_acc_model, feedback_input, 113, 1) \
    F(su_acc_model, feedback_set, 114, 1) \
    F(su_acc_model, state, 115, 1) \
    F(su_acc_model, uri_len, 116, 1) \
    F(su_acc_model, name_len, 117, 1) \
    F(su_acc_model, pad, 118, 2) \
    F(su_acc_model, inputs_total, 120, 4) \
    F(su_acc_model, inputs_satisfied, 124, 4) \
    F(su_acc_model, outputs_total, 128, 4) \
    F(su_acc_model, outputs_used, 132, 4) \
    F(su_acc_model, external_inputs, 136, 4) \
    F(su_acc_model, external_outputs, 140, 4) \
    F(su_acc_model, weight_bytes, 144, 8) \
    F(su_acc_model, macs_per_step, 152, 8) \
    F(su_acc_model, name, 160, 32) \
    F(su_acc_model, uri, 192, 128) \
    S(su_spec, 32) \
    F(su_spec, dtype, 0, 1) \
    F(su_spec, rank, 1, 1) \
    F(su_spec, flags, 2, 1) \
    F(su_spec, from_output, 3, 1) \
    F(su_spec, from_task, 4, 2) \
    F(su_spec, pad, 6, 2) \
    F(su_spec, dims, 8, 24) \
    S(su_acc_task, 848) \
    F(su_acc_task, head, 0, 40) \
    F(su_acc_task, model, 40, 32) \
    F(su_acc_task, graph_digest, 72, 32) \
    F(su_acc_task, weights_digest, 104, 32) \
    F(su_acc_task, index, 136, 2) \
    F(su_acc_task, input_count, 138, 1) \
    F(su_acc_task, output_count, 139, 1) \
    F(su_acc_task, uri_len, 140, 1) \
    F(su_acc_task, pad, 141, 3) \
    F(su_acc_task, vram_fixed_bytes, 144, 8) \
    F(su_acc_task, vram_session_bytes, 152, 8) \
    F(su_acc_task, macs_per_step, 160, 8) \
    F(su_acc_task, weight_bytes, 168, 8) \
    F(su_acc_task, fee_unit, 176, 8) \
    F(su_acc_task, sampling_ppm, 184, 4) \
    F(su_acc_task, owners, 188, 4) \
    F(su_acc_task, consumers, 192, 16) \
    F(su_acc_task, uri, 208, 128) \
    F(su_acc_task, inputs, 336, 256) \
    F(su_acc_task, outputs, 592, 256) \
    S(su_acc_declaration, 112) \
    F(su_acc_declaration, head, 0, 40) \
    F(su_acc_declaration, task, 40, 32) \
    F(su_acc_declaration, owner, 72, 32) \
    F(su_acc_declaration, nodes, 104, 4) \
    F(su_acc_declaration, pad, 108, 4) \
    S(su_ticket, 16) \
    F(su_ticket, amount, 0, 8) \
    F(su_ticket, unlock_slot, 8, 8) \
    S(su_acc_node, 1424) \
    F(su_acc_node, head, 0, 40) \
    F(su_acc_node, identity, 40, 32) \
    F(su_acc_node, owner, 72, 32) \
    F(su_acc_node, stake_free, 104, 8) \
    F(su_acc_node, stake_reserved, 112, 8) \
    F(su_acc_node, earned, 120, 8) \
    F(su_acc_node, tickets, 128, 128) \
    F(su_acc_node, vram_bytes, 256, 8) \
    F(su_acc_node, numerics_version, 264, 4) \
    F(su_acc_node, reserves_open, 268, 4) \
    F(su_acc_node, completed, 272, 4) \
    F(su_acc_node, verified, 276, 4) \
    F(su_acc_node, failed, 280, 4) \
    F(su_acc_node, slashed, 284, 4) \
    F(su_acc_node, checks, 288, 4) \
    F(su_acc_node, pad0, 292, 4) \
    F(su_acc_node, conformance_root, 296, 32) \
    F(su_acc_node, declared_count, 328, 1) \
    F(su_acc_node, endpoint_len, 329, 1) \
    F(su_acc_node, pad, 330, 6) \
    F(su_acc_node, endpoint, 336, 64) \
    F(su_acc_node, declared, 400, 1024) \
    S(su_acc_requestor, 88) \
    F(su_acc_requestor, head, 0, 40) \
    F(su_acc_requestor, key, 40, 32) \
    F(su_acc_requestor, nonce, 72, 8) \
    F(su_acc_requestor, refund, 80, 8) \
    S(su_acc_pool, 64) \
    F(su_acc_pool, head, 0, 40) \
    F(su_acc_pool, balance, 40, 8) \
    F(su_acc_pool, claims_head, 48, 8) \
    F(su_acc_pool, claims_next, 56, 8) \
    S(su_acc_claim, 88) \
    F(su_acc_claim, head, 0, 40) \
    F(su_acc_claim, node, 40, 32) \
    F(su_acc_claim, seq, 72, 8) \
    F(su_acc_claim, amount, 80, 8) \
    S(su_exec_task, 16) \
    F(su_exec_task, state, 0, 1) \
    F(su_exec_task, attempt, 1, 1) \
    F(su_exec_task, flags, 2, 2) \
    F(su_exec_task, sampling_ppm, 4, 4) \
    F(su_exec_task, fee, 8, 8) \
    S(su_vote, 40) \
    F(su_vote, round, 0, 4) \
    F(su_vote, question, 4, 1) \
    F(su_vote, attempt, 5, 1) \
    F(su_vote, pad, 6, 2) \
    F(su_vote, digest, 8, 32) \
    S(su_acc_execution, 2912) \
    F(su_acc_execution, head, 0, 40) \
    F(su_acc_execution, requestor, 40, 32) \
    F(su_acc_execution, model, 72, 32) \
    F(su_acc_execution, input_digest, 104, 32) \
    F(su_acc_execution, nonce, 136, 8) \
    F(su_acc_execution, epoch, 144, 8) \
    F(su_acc_execution, seed, 152, 8) \
    F(su_acc_execution, max_steps, 160, 4) \
    F(su_acc_execution, steps, 164, 4) \
    F(su_acc_execution, request_slot, 168, 8) \
    F(su_acc_execution, submit_slot, 176, 8) \
    F(su_acc_execution, deadline_slot, 184, 8) \
    F(su_acc_execution, last_commit_slot, 192, 8) \
    F(su_acc_execution, phase_slot, 200, 8) \
    F(su_acc_execution, escrow, 208, 8) \
    F(su_acc_execution, fees, 216, 8) \
    F(su_acc_execution, surcharge, 224, 8) \
    F(su_acc_execution, oracle_fee, 232, 8) \
    F(su_acc_execution, macs_per_step, 240, 8) \
    F(su_acc_execution, task_count, 248, 2) \
    F(su_acc_execution, opened, 250, 2) \
    F(su_acc_execution, assigned, 252, 2) \
    F(su_acc_execution, committed, 254, 2) \
    F(su_acc_execution, sampled, 256, 2) \
    F(su_acc_execution, checked, 258, 2) \
    F(su_acc_execution, revealed, 260, 2) \
    F(su_acc_execution, matched, 262, 2) \
    F(su_acc_execution, done, 264, 2) \
    F(su_acc_execution, paid, 266, 2) \
    F(su_acc_execution, sample_task, 268, 2) \
    F(su_acc_execution, final_task, 270, 2) \
    F(su_acc_execution, checks_open, 272, 2) \
    F(su_acc_execution, reserves_open, 274, 2) \
    F(su_acc_execution, assignments_open, 276, 2) \
    F(su_acc_execution, disputes_open, 278, 2) \
    F(su_acc_execution, faults, 280, 2) \
    F(su_acc_execution, slashes, 282, 2) \
    F(su_acc_execution, state, 284, 1) \
    F(su_acc_execution, void_cause, 285, 1) \
    F(su_acc_execution, missing_used, 286, 1) \
    F(su_acc_execution, finished, 287, 1) \
    F(su_acc_execution, oracles_voted, 288, 1) \
    F(su_acc_execution, oracles_silent, 289, 1) \
    F(su_acc_execution, oracles_paid, 290, 1) \
    F(su_acc_execution, table_depth, 291, 1) \
    F(su_acc_execution, turn, 292, 1) \
    F(su_acc_execution, pad, 293, 3) \
    F(su_acc_execution, threshold_ppm, 296, 4) \
    F(su_acc_execution, owner_share_ppm, 300, 4) \
    F(su_acc_execution, table_total, 304, 8) \
    F(su_acc_execution, last_reveal_slot, 312, 8) \
    F(su_acc_execution, silence_excess, 320, 8) \
    F(su_acc_execution, pot, 328, 8) \
    F(su_acc_execution, pot_claims, 336, 8) \
    F(su_acc_execution, pot_paid, 344, 8) \
    F(su_acc_execution, table_root, 352, 32) \
    F(su_acc_execution, assignment_root, 384, 32) \
    F(su_acc_execution, commit_chain, 416, 32) \
    F(su_acc_execution, alpha, 448, 32) \
    F(su_acc_execution, beta, 480, 64) \
    F(su_acc_execution, votes, 544, 320) \
    F(su_acc_execution, tasks, 864, 2048) \
    S(su_source, 4) \
    F(su_source, task, 0, 2) \
    F(su_source, output, 2, 1) \
    F(su_source, external, 3, 1) \
    S(su_acc_assignment, 1424) \
    F(su_acc_assignment, head, 0, 40) \
    F(su_acc_assignment, execution, 40, 32) \
    F(su_acc_assignment, task_account, 72, 32) \
    F(su_acc_assignment, node, 104, 32) \
    F(su_acc_assignment, owner, 136, 32) \
    F(su_acc_assignment, task, 168, 2) \
    F(su_acc_assignment, attempt, 170, 1) \
    F(su_acc_assignment, input_count, 171, 1) \
    F(su_acc_assignment, output_count, 172, 1) \
    F(su_acc_assignment, dispute, 173, 1) \
    F(su_acc_assignment, verdict, 174, 1) \
    F(su_acc_assignment, checks, 175, 1) \
    F(su_acc_assignment, verdict_task, 176, 2) \
    F(su_acc_assignment, matched, 178, 1) \
    F(su_acc_assignment, approved, 179, 1) \
    F(su_acc_assignment, check_open, 180, 1) \
    F(su_acc_assignment, pad, 181, 3) \
    F(su_acc_assignment, macs_per_step, 184, 8) \
    F(su_acc_assignment, fee_unit, 192, 8) \
    F(su_acc_assignment, weight_bytes, 200, 8) \
    F(su_acc_assignment, stake, 208, 8) \
    F(su_acc_assignment, bounty, 216, 8) \
    F(su_acc_assignment, assign_slot, 224, 8) \
    F(su_acc_assignment, commit_slot, 232, 8) \
    F(su_acc_assignment, deadline_slot, 240, 8) \
    F(su_acc_assignment, cursor, 248, 4) \
    F(su_acc_assignment, round, 252, 4) \
    F(su_acc_assignment, sources, 256, 32) \
    F(su_acc_assignment, consumers, 288, 16) \
    F(su_acc_assignment, commit, 304, 32) \
    F(su_acc_assignment, input_root, 336, 32) \
    F(su_acc_assignment, output_root, 368, 32) \
    F(su_acc_assignment, witness_root, 400, 32) \
    F(su_acc_assignment, input_roots, 432, 256) \
    F(su_acc_assignment, output_roots, 688, 256) \
    F(su_acc_assignment, check_input_root, 944, 32) \
    F(su_acc_assignment, check_output_root, 976, 32) \
    F(su_acc_assignment, validators, 1008, 96) \
    F(su_acc_assignment, votes, 1104, 320) \
    S(su_acc_check, 248) \
    F(su_acc_check, head, 0, 40) \
    F(su_acc_check, execution, 40, 32) \
    F(su_acc_check, assignment, 72, 32) \
    F(su_acc_check, validator, 104, 32) \
    F(su_acc_check, owner, 136, 32) \
    F(su_acc_check, task, 168, 2) \
    F(su_acc_check, number, 170, 1) \
    F(su_acc_check, state, 171, 1) \
    F(su_acc_check, pad, 172, 4) \
    F(su_acc_check, deadline_slot, 176, 8) \
    F(su_acc_check, input_root, 184, 32) \
    F(su_acc_check, output_root, 216, 32) \
    S(su_acc_reserve, 176) \
    F(su_acc_reserve, head, 0, 40) \
    F(su_acc_reserve, execution, 40, 32) \
    F(su_acc_reserve, node, 72, 32) \
    F(su_acc_reserve, owner, 104, 32) \
    F(su_acc_reserve, amount, 136, 8) \
    F(su_acc_reserve, stake_sum, 144, 8) \
    F(su_acc_reserve, tasks, 152, 16) \
    F(su_acc_reserve, slashed, 168, 1) \
    F(su_acc_reserve, pad, 169, 7) \
    S(su_ix, 8) \
    F(su_ix, number, 0, 1) \
    F(su_ix, pad, 1, 7) \
    S(su_ix_init, 272) \
    F(su_ix_init, ix, 0, 8) \
    F(su_ix_init, genesis, 8, 32) \
    F(su_ix_init, params, 40, 232) \
    S(su_ix_config_next, 248) \
    F(su_ix_config_next, ix, 0, 8) \
    F(su_ix_config_next, oracle_count, 8, 8) \
    F(su_ix_config_next, params, 16, 232) \
    S(su_ix_amount, 16) \
    F(su_ix_amount, ix, 0, 8) \
    F(su_ix_amount, amount, 8, 8) \
    S(su_ix_oracle_register, 112) \
    F(su_ix_oracle_register, ix, 0, 8) \
    F(su_ix_oracle_register, vrf_key, 8, 32) \
    F(su_ix_oracle_register, endpoint, 40, 64) \
    F(su_ix_oracle_register, endpoint_len, 104, 8) \
    S(su_ix_oracle_withdraw, 24) \
    F(su_ix_oracle_withdraw, ix, 0, 8) \
    F(su_ix_oracle_withdraw, earned, 8, 8) \
    F(su_ix_oracle_withdraw, bond, 16, 8) \
    S(su_ix_model_create, 208) \
    F(su_ix_model_create, ix, 0, 8) \
    F(su_ix_model_create, digest, 8, 32) \
    F(su_ix_model_create, task_count, 40, 2) \
    F(su_ix_model_create, sample_task, 42, 2) \
    F(su_ix_model_create, name_len, 44, 1) \
    F(su_ix_model_create, uri_len, 45, 1) \
    F(su_ix_model_create, pad, 46, 2) \
    F(su_ix_model_create, name, 48, 32) \
    F(su_ix_model_create, uri, 80, 128) \
    S(su_ix_task_add, 704) \
    F(su_ix_task_add, ix, 0, 8) \
    F(su_ix_task_add, graph_digest, 8, 32) \
    F(su_ix_task_add, weights_digest, 40, 32) \
    F(su_ix_task_add, index, 72, 2) \
    F(su_ix_task_add, input_count, 74, 1) \
    F(su_ix_task_add, output_count, 75, 1) \
    F(su_ix_task_add, uri_len, 76, 1) \
    F(su_ix_task_add, pad, 77, 3) \
    F(su_ix_task_add, vram_fixed_bytes, 80, 8) \
    F(su_ix_task_add, vram_session_bytes, 88, 8) \
    F(su_ix_task_add, macs_per_step, 96, 8) \
    F(su_ix_task_add, weight_bytes, 104, 8) \
    F(su_ix_task_add, fee_unit, 112, 8) \
    F(su_ix_task_add, sampling_ppm, 120, 4) \
    F(su_ix_task_add, pad2, 124, 4) \
    F(su_ix_task_add, uri, 128, 128) \
    F(su_ix_task_add, specs, 256, 448) \
    S(su_ix_connect, 48) \
    F(su_ix_connect, ix, 0, 8) \
    F(su_ix_connect, count, 8, 8) \
    F(su_ix_connect, edges, 16, 32) \
    S(su_ix_model_feedback, 16) \
    F(su_ix_model_feedback, ix, 0, 8) \
    F(su_ix_model_feedback, output, 8, 1) \
    F(su_ix_model_feedback, input, 9, 1) \
    F(su_ix_model_feedback, pad, 10, 6) \
    S(su_ix_node_register, 120) \
    F(su_ix_node_register, ix, 0, 8) \
    F(su_ix_node_register, vram_bytes, 8, 8) \
    F(su_ix_node_register, numerics_version, 16, 4) \
    F(su_ix_node_register, endpoint_len, 20, 4) \
    F(su_ix_node_register, conformance_root, 24, 32) \
    F(su_ix_node_register, endpoint, 56, 64) \
    S(su_ix_stake_withdraw, 16) \
    F(su_ix_stake_withdraw, ix, 0, 8) \
    F(su_ix_stake_withdraw, ticket, 8, 8) \
    S(su_ix_request_open, 64) \
    F(su_ix_request_open, ix, 0, 8) \
    F(su_ix_request_open, nonce, 8, 8) \
    F(su_ix_request_open, seed, 16, 8) \
    F(su_ix_request_open, input_digest, 24, 32) \
    F(su_ix_request_open, max_steps, 56, 4) \
    F(su_ix_request_open, pad, 60, 4) \
    S(su_ix_request_tasks, 16) \
    F(su_ix_request_tasks, ix, 0, 8) \
    F(su_ix_request_tasks, first, 8, 4) \
    F(su_ix_request_tasks, count, 12, 4) \
    S(su_ix_request_submit, 16) \
    F(su_ix_request_submit, ix, 0, 8) \
    F(su_ix_request_submit, max_escrow, 8, 8) \
    S(su_ix_vote_assign, 96) \
    F(su_ix_vote_assign, ix, 0, 8) \
    F(su_ix_vote_assign, round, 8, 4) \
    F(su_ix_vote_assign, owner_share_ppm, 12, 4) \
    F(su_ix_vote_assign, table_total, 16, 8) \
    F(su_ix_vote_assign, table_root, 24, 32) \
    F(su_ix_vote_assign, assignment_root, 56, 32) \
    F(su_ix_vote_assign, table_depth, 88, 1) \
    F(su_ix_vote_assign, pad, 89, 7) \
    S(su_ix_assign, 176) \
    F(su_ix_assign, ix, 0, 8) \
    F(su_ix_assign, group, 8, 1) \
    F(su_ix_assign, count, 9, 1) \
    F(su_ix_assign, node_count, 10, 1) \
    F(su_ix_assign, path_len, 11, 1) \
    F(su_ix_assign, node_of, 12, 4) \
    F(su_ix_assign, path, 16, 160) \
    S(su_ix_vote_task, 56) \
    F(su_ix_vote_task, ix, 0, 8) \
    F(su_ix_vote_task, round, 8, 4) \
    F(su_ix_vote_task, question, 12, 1) \
    F(su_ix_vote_task, attempt, 13, 1) \
    F(su_ix_vote_task, verdict, 14, 1) \
    F(su_ix_vote_task, pad, 15, 1) \
    F(su_ix_vote_task, verdict_task, 16, 2) \
    F(su_ix_vote_task, pad2, 18, 6) \
    F(su_ix_vote_task, subject, 24, 32) \
    S(su_ix_commit, 48) \
    F(su_ix_commit, ix, 0, 8) \
    F(su_ix_commit, commit, 8, 32) \
    F(su_ix_commit, steps, 40, 4) \
    F(su_ix_commit, attempt, 44, 1) \
    F(su_ix_commit, pad, 45, 3) \
    S(su_ix_freeze, 16) \
    F(su_ix_freeze, ix, 0, 8) \
    F(su_ix_freeze, hash_index, 8, 4) \
    F(su_ix_freeze, fallback, 12, 4) \
    S(su_ix_draw, 88) \
    F(su_ix_draw, ix, 0, 8) \
    F(su_ix_draw, proof, 8, 80) \
    S(su_ix_check_row, 432) \
    F(su_ix_check_row, ix, 0, 8) \
    F(su_ix_check_row, identity, 8, 32) \
    F(su_ix_check_row, owner, 40, 32) \
    F(su_ix_check_row, low, 72, 8) \
    F(su_ix_check_row, high, 80, 8) \
    F(su_ix_check_row, tasks, 88, 16) \
    F(su_ix_check_row, row, 104, 4) \
    F(su_ix_check_row, path_len, 108, 1) \
    F(su_ix_check_row, pad, 109, 3) \
    F(su_ix_check_row, path, 112, 320) \
    S(su_ix_check_post, 72) \
    F(su_ix_check_post, ix, 0, 8) \
    F(su_ix_check_post, input_root, 8, 32) \
    F(su_ix_check_post, output_root, 40, 32) \
    S(su_ix_reveal, 584) \
    F(su_ix_reveal, ix, 0, 8) \
    F(su_ix_reveal, salt, 8, 32) \
    F(su_ix_reveal, witness_root, 40, 32) \
    F(su_ix_reveal, roots, 72, 512) \
    S(su_ix_match, 16) \
    F(su_ix_match, ix, 0, 8) \
    F(su_ix_match, mask, 8, 8) \
    S(su_ix_slash, 16) \
    F(su_ix_slash, ix, 0, 8) \
    F(su_ix_slash, who, 8, 8) \
    S(su_ix_pay_oracle, 16) \
    F(su_ix_pay_oracle, ix, 0, 8) \
    F(su_ix_pay_oracle, number, 8, 8) \


#define ECONOMICS \
    STAKE(80000, 0, 1000, 26778) \
    STAKE(80000, 100000, 1000, 26778) \
    STAKE(80000, 333333, 1000000, 36499982) \
    STAKE(80000, 500000, 1000, 49000) \
    STAKE(1000000, 0, 5100, 51000) \
    STAKE(80000, 900000, 12345, 3073905) \
    STAKE(123456, 234567, 987654321, 19915680656) \
    STAKE(1000000, 100000, 1, 10) \
    STAKE(80000, 100000, 1, 27) \
    FEE(1u, 1, 100, 1u, 5100u) \
    FEE(1000000000u, 1, 100, 1u, 5100u) \
    FEE(1000000001u, 1, 100, 2u, 5200u) \
    FEE(0u, 5, 100, 1u, 5100u) \
    FEE(135000000u, 512, 250, 70u, 22500u) \
    FEE(7000000000000u, 16777216, 3, 117440512000u, 352321541000u) \
    SURCHARGE(80000, 5100u, 6120u, 612u) \
    SURCHARGE(80000, 1u, 2u, 1u) \
    SURCHARGE(1000000, 333u, 400u, 500u) \
    SURCHARGE(500000, 1000000000000u, 1200000000000u, 750000000000u) \
    SURCHARGE(0, 5u, 6u, 0u) \
    BASE(0u, 1000000000u) \
    BASE(1u, 1100000000u) \
    BASE(1073741824u, 1100000000u) \
    BASE(1073741825u, 1200000000u) \
    BASE(25769803776u, 3400000000u) \
    BASE(85899345919u, 9000000000u) \
    COMMIT(1, 1, 0u, 0, 76u) \
    COMMIT(1, 4, 1000000000u, 0, 78u) \
    COMMIT(512, 13, 135000000u, 1, 6824u) \
    COMMIT(16777216, 128, 1000000000000u, 2, 12683575596u) \
    COMMIT(7, 3, 1234567u, 0, 86u) \
    DISPUTE(0u, 0u, 1, 1501u) \
    DISPUTE(1000000000u, 1000000000u, 512, 1878u) \
    DISPUTE(123456789u, 987654321u, 33, 1540u) \

#define VECTOR_COMMIT \
    "935ef3ba465a8100c91837be71465ca75d3de39b30f673b93c149fec11fdeb37"
#define VECTOR_INPUT_ROOT \
    "6c73318c5c357f7ffb1efa30f74b32588290bf68195957bb3db3947044e1e323"
#define VECTOR_OUTPUT_ROOT \
    "304137aeb463849bc688c0585cb39fb81d6a384cfdfeb63d0cb63762a3b8bf4a"
#define VECTOR_CHAIN \
    "878cfb97e130c440ef807d912b4b82de004f03ed52c009aef383cb04516c590c"
#define VECTOR_ALPHA \
    "3281972a3ec5f8ac634f44e8f21413d78149665df51dbcb323fe00529bbabe42"
#define VECTOR_ALPHA_FALLBACK \
    "6d27f1844f85f91216923f05dd57b754e42cddafad894a414202d1d41da7884a"
#define VECTOR_ROW_LEAF \
    "e1635029757cdbda82ab9b441ad6aee7825fec0a20eef4861afdf476a325a973"
#define VECTOR_ASSIGN_LEAF \
    "ed0231ba5d1cb206c540012d2c74e60820182555d9a7822f335dcaa6f6eff0c9"
#define VECTOR_PARENT \
    "b331da6ec49d4547d9942a6727e5123f69bed5a0b97ac171cfbfd6201431fcfa"
#define VECTOR_VOTE_ASSIGN \
    "5ae14cfc1d105b43134f77fc8c37dcf8eac8389a66abba3481adab0012a3f5dc"
#define VECTOR_VOTE_TASK \
    "5ad33cdac31aeba9eca76500a40aa532d1d84e3b360de20ac963a823fb9151c3"
#define VECTOR_ROOT_1 \
    "df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119"
#define VECTOR_ROOT_2 \
    "b40eb2eb8d9fc25cf40bad928f2e92eb47ab843360c366fa1b0be02b0750fded"
#define VECTOR_ROOT_3 \
    "6140eccb6a7618331c9add6136e4cb2761d342072c8587fa101e3bad430c23f6"
#define VECTOR_ROOT_4 \
    "34a8251ee298c32eea23f275a978607e56c0838e98ba29196671fa088d7cfbda"
#define VECTOR_ROOT_5 \
    "d93dd417cca019206847a9d42bda0e7239a485a0a374ff68e3c55d2d2bb34171"
#define VECTOR_ROOT_6 \
    "263d3791f2d13111a6c75b74490f6219d5a701cc9d3b666278ba4a74bc2fc4ed"
#define VECTOR_ROOT_7 \
    "5f21cd3a7ac76884a11b084ef870b16e67527b4806c1956da26fd972e376ae8d"
#define VECTOR_ROOT_8 \
    "7c921f3d2b91ecfd2cd19f0247a57ae8a97b52bd2cd64f633e636b7c686107e4"
#define VECTOR_ROOT_9 \
    "6dc75a1aca945ddea5b7d0c464bfb1452280e4aefc93e90b9e30ecefb8048212"
#define VECTOR_ORDER \
    "0102040605030700"
#define VECTOR_SAMPLED \
    "0000418802000000000000500041020000000506000020280201000001000000"
#define VECTOR_CHECK_POINT \
    "e7600e0000000000"

#endif
