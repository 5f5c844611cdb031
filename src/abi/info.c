// SPDX-License-Identifier: MIT
#include "abi.h"

/* Instructions that have the fields of another one, or none. */
#define su_ix_admin_set su_ix
#define su_ix_pool_deposit su_ix_amount
#define su_ix_oracle_bond su_ix_amount
#define su_ix_oracle_close su_ix
#define su_ix_model_finalise su_ix
#define su_ix_model_discard su_ix
#define su_ix_node_update su_ix_node_register
#define su_ix_node_declare su_ix
#define su_ix_node_undeclare su_ix
#define su_ix_stake_deposit su_ix_amount
#define su_ix_stake_unlock su_ix_amount
#define su_ix_earnings_claim su_ix
#define su_ix_node_close su_ix
#define su_ix_request_cancel su_ix
#define su_ix_request_expire su_ix
#define su_ix_refund_claim su_ix
#define su_ix_release su_ix
#define su_ix_reassign su_ix
#define su_ix_commit_expire su_ix
#define su_ix_draw_default su_ix
#define su_ix_check_skip su_ix_check_row
#define su_ix_check_accept su_ix_check_row
#define su_ix_check_expire su_ix
#define su_ix_reveal_expire su_ix
#define su_ix_dispute_expire su_ix
#define su_ix_declare_missing su_ix
#define su_ix_conclude su_ix
#define su_ix_pay_task su_ix
#define su_ix_pay_check su_ix
#define su_ix_free_reserve su_ix
#define su_ix_finish su_ix
#define su_ix_close_assignment su_ix
#define su_ix_close_check su_ix
#define su_ix_close_execution su_ix
#define su_ix_claim_pay su_ix

static const struct su_ix_info rows[] = {
#define X(NAME, number, name, accounts) {number, #name, accounts, sizeof(struct su_ix_##name)},
#include "instructions.def"
#undef X
};
enum { ROWS = sizeof rows / sizeof *rows };

const struct su_ix_info *su_ix_info_at(size_t row)
{
    return row < ROWS ? &rows[row] : NULL;
}

const struct su_ix_info *su_ix_info(uint64_t number)
{
    size_t low = 0, high = ROWS;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows[middle].number == number)
            return &rows[middle];
        if (rows[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
