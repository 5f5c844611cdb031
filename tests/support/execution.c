// SPDX-License-Identifier: MIT
#include "support/execution.h"

#include "abi/abi.h"
#include "crypto/crypto.h"
#include "support/bank.h"
#include "support/scenario.h"
#include "vrf/vrf.h"

#include <stdlib.h>
#include <string.h>

static void die(const char *what)
{
    fprintf(stderr, "execution: %s\n", what);
    abort();
}

void play_hash(const struct su_part *parts, uint64_t n, uint8_t out[32])
{
    struct su_sha256 s;
    su_sha256_init(&s);
    for (uint64_t i = 0; i < n; i++)
        su_sha256_update(&s, parts[i].p, parts[i].n);
    su_sha256_final(&s, out);
}

static void name_of(const char *kind, unsigned i, char out[32])
{
    snprintf(out, 32, "%s%u", kind, i);
}

static void key_of(const char *kind, unsigned i, uint8_t key[32])
{
    char name[32];
    name_of(kind, i, name);
    world_key(name, key);
}

/* ---- what everybody computes ------------------------------------------------------------------ */

/* A root that only its place and the play decide. */
static void root_of(const struct play *p, const char *what, unsigned task, uint8_t out[32])
{
    char text[64];
    snprintf(text, sizeof text, "%s %u %llu", what, task, (unsigned long long)p->w->nonce);
    su_sha256(text, strlen(text), out);
}

bool play_is_fed(const struct play *p)
{
    const struct su_acc_model *m = world_read(p->w, SU_TAG_MODEL, p->w->model);
    return m && m->feedback_set;
}

static void roots_honest(struct play *p)
{
    const bool fed = play_is_fed(p);
    for (unsigned t = 0; t < p->tasks; t++) {
        struct play_task *k = &p->task[t];
        root_of(p, "out", t, k->output_roots[0]);
        if (t == 0 && !fed)
            root_of(p, "request", 0, k->input_roots[0]);
        else
            root_of(p, "out", t == 0 ? p->tasks - 1 : t - 1, k->input_roots[0]);
        root_of(p, "witness", t, k->witness);
        root_of(p, "salt", t, k->salt);
    }
}

static struct su_ix_check_row row_of(const struct play *p, unsigned node)
{
    struct su_ix_check_row row;
    memset(&row, 0, sizeof row);
    key_of("node", node, row.identity);
    key_of("owner", node, row.owner);
    row.low = p->low[node];
    row.high = p->high[node];
    for (unsigned t = 0; t < p->tasks; t++)
        row.tasks[t / 8] = (uint8_t)(row.tasks[t / 8] | 1u << t % 8);
    row.row = node;
    return row;
}

/* Root of 2^depth leaves and the path of number `index` among them; absent leaves are zero. */
static void full_tree(uint8_t (*leaves)[32], unsigned depth, unsigned index, uint8_t (*path)[32],
                      uint8_t root[32])
{
    uint8_t level[1u << SU_TABLE_DEPTH_MAX][32] = {{0}};
    memcpy(level, leaves, 32u * (1u << depth < PLAY_NODES_MAX ? 1u << depth : PLAY_NODES_MAX));
    for (unsigned d = 0; d < depth; d++) {
        if (path != NULL)
            memcpy(path[d], level[index ^ 1u], 32);
        index >>= 1;
        for (unsigned i = 0; i < 1u << (depth - d - 1); i++)
            su_msg_parent(play_hash, level[2 * i], level[2 * i + 1], level[i]);
    }
    memcpy(root, level[0], 32);
}

/* RFC 6962: path of `index` among n leaves, from the leaf up; returns its length. */
static unsigned rfc_tree(uint8_t (*leaves)[32], unsigned n, unsigned index, uint8_t (*path)[32],
                         uint8_t root[32])
{
    if (n == 1) {
        memcpy(root, leaves[0], 32);
        return 0;
    }
    unsigned k = 1;
    while (k * 2 < n)
        k *= 2;
    uint8_t left[32], right[32];
    unsigned used;
    bool in_left = index < k;
    if (in_left) {
        used = rfc_tree(leaves, k, index, path, left);
        rfc_tree(leaves + k, n - k, 0, NULL, right);
    } else {
        rfc_tree(leaves, k, 0, NULL, left);
        used = rfc_tree(leaves + k, n - k, index - k, path, right);
    }
    if (path != NULL)
        memcpy(path[used], in_left ? right : left, 32);
    su_msg_parent(play_hash, left, right, root);
    return used + 1;
}

static unsigned groups_of(const struct play *p)
{
    return (p->tasks + SU_ASSIGN_GROUP - 1) / SU_ASSIGN_GROUP;
}

static void group_leaves(const struct play *p, uint8_t (*leaves)[32])
{
    for (unsigned g = 0; g < groups_of(p); g++) {
        uint8_t identities[SU_ASSIGN_GROUP][32];
        unsigned n = 0;
        for (unsigned t = g * SU_ASSIGN_GROUP; t < p->tasks && n < SU_ASSIGN_GROUP; t++)
            key_of("node", p->task[t].node, identities[n++]);
        su_msg_assign_leaf(play_hash, (uint8_t)g, (const uint8_t(*)[32])identities, n, leaves[g]);
    }
}

void play_plan(struct play *p)
{
    uint8_t groups[SU_TASKS_MAX / SU_ASSIGN_GROUP][32];
    memset(p->leaves, 0, sizeof p->leaves);
    for (unsigned i = 0; i < p->nodes; i++) {
        struct su_ix_check_row row = row_of(p, i);
        su_msg_row_leaf(play_hash, &row, p->leaves[i]);
    }
    full_tree(p->leaves, p->table_depth, 0, NULL, p->table_root);
    group_leaves(p, groups);
    rfc_tree(groups, groups_of(p), 0, NULL, p->assignment_root);
}

void play_init(struct play *p, struct world *w, unsigned oracles, unsigned nodes, unsigned tasks)
{
    memset(p, 0, sizeof *p);
    p->w = w;
    p->oracles = oracles;
    p->nodes = nodes;
    p->tasks = tasks;
    p->max_steps = 1;
    p->steps = 1;
    p->owner_share_ppm = 340000;
    while (1u << p->table_depth < nodes)
        p->table_depth++;
    for (unsigned i = 0; i < nodes; i++) {
        p->low[i] = p->table_total;
        p->table_total += 1000;
        p->high[i] = p->table_total;
    }
    for (unsigned t = 0; t < tasks; t++)
        p->task[t].node = t % nodes;
    play_plan(p);
}

const struct su_acc_execution *play_exec(const struct play *p)
{
    uint8_t key[32];
    at_execution(p->w, key);
    return world_read(p->w, SU_TAG_EXECUTION, key);
}

const struct su_acc_assignment *play_assignment(const struct play *p, unsigned task)
{
    uint8_t key[32];
    at_assignment(p->w, (uint16_t)task, key);
    return world_read(p->w, SU_TAG_ASSIGNMENT, key);
}

/* ---- builders --------------------------------------------------------------------------------- */

static void begin_task(struct play *p, struct call *c, uint8_t number, unsigned task)
{
    uint8_t key[32];
    call_begin(p->w, c, number);
    at_assignment(p->w, (uint16_t)task, key);
    call_set(c, "assignment", key);
}

static void set_node(struct play *p, struct call *c, unsigned node)
{
    uint8_t identity[32], key[32];
    key_of("node", node, identity);
    at_key(p->w, "node", identity, key);
    call_set(c, "node", key);
}

static void set_reserve(struct play *p, struct call *c, unsigned node)
{
    uint8_t identity[32], key[32];
    key_of("node", node, identity);
    at_reserve(p->w, identity, key);
    call_set(c, "reserve", key);
}

void call_request_open(struct play *p, struct call *c, uint64_t nonce)
{
    uint8_t key[32];
    p->w->nonce = nonce;
    roots_honest(p);
    call_begin(p->w, c, SU_IX_REQUEST_OPEN);
    at_execution(p->w, key);
    call_set(c, "execution", key);
    struct su_ix_request_open *ix = CALL_ARGS(c, request_open);
    ix->nonce = nonce;
    ix->max_steps = p->max_steps;
    root_of(p, "request", 0, ix->input_digest);
}

void call_request_tasks(struct play *p, struct call *c, unsigned first, unsigned count)
{
    uint8_t key[32];
    call_begin(p->w, c, SU_IX_REQUEST_TASKS);
    CALL_ARGS(c, request_tasks)->first = first;
    CALL_ARGS(c, request_tasks)->count = count;
    for (unsigned i = first; i < first + count; i++) {
        at_task(p->w, (uint16_t)i, key);
        call_more(c, key);
        at_assignment(p->w, (uint16_t)i, key);
        call_more(c, key);
        c->metas[c->count - 1].writable = true;
    }
}

void call_request_submit(struct play *p, struct call *c)
{
    uint8_t key[32];
    call_begin(p->w, c, SU_IX_REQUEST_SUBMIT);
    world_key_of("requestor", "usdc", key);
    call_set(c, "from", key);
    CALL_ARGS(c, request_submit)->max_escrow = SU_AMOUNT_MAX;
}

void call_request_cancel(struct play *p, struct call *c)
{
    call_begin(p->w, c, SU_IX_REQUEST_CANCEL);
}

void call_request_expire(struct play *p, struct call *c)
{
    call_begin(p->w, c, SU_IX_REQUEST_EXPIRE);
}

static void set_oracle(struct call *c, unsigned oracle)
{
    char name[32];
    name_of("oracle", oracle, name);
    call_set_name(c, "oracle", name);
}

static uint64_t slot_now(const struct play *p)
{
    return bank_slot(p->w->bank);
}

void call_vote_assign(struct play *p, struct call *c, unsigned oracle)
{
    const struct su_acc_execution *exec = play_exec(p);
    call_begin(p->w, c, SU_IX_VOTE_ASSIGN);
    set_oracle(c, oracle);
    struct su_ix_vote_assign *ix = CALL_ARGS(c, vote_assign);
    ix->round = (uint32_t)((slot_now(p) - exec->submit_slot) / p->w->params.round_slots);
    ix->owner_share_ppm = p->owner_share_ppm;
    ix->table_total = p->table_total;
    ix->table_depth = p->table_depth;
    memcpy(ix->table_root, p->table_root, 32);
    memcpy(ix->assignment_root, p->assignment_root, 32);
}

void call_assign(struct play *p, struct call *c, unsigned group)
{
    uint8_t leaves[SU_TASKS_MAX / SU_ASSIGN_GROUP][32], root[32], key[32], identity[32];
    unsigned nodes[SU_ASSIGN_GROUP], node_count = 0, first = group * SU_ASSIGN_GROUP;
    call_begin(p->w, c, SU_IX_ASSIGN);
    struct su_ix_assign *ix = CALL_ARGS(c, assign);
    ix->group = (uint8_t)group;
    group_leaves(p, leaves);
    ix->path_len = (uint8_t)rfc_tree(leaves, groups_of(p), group, ix->path, root);
    for (unsigned t = first; t < p->tasks && t < first + SU_ASSIGN_GROUP; t++) {
        unsigned i = 0;
        while (i < node_count && nodes[i] != p->task[t].node)
            i++;
        if (i == node_count)
            nodes[node_count++] = p->task[t].node;
        ix->node_of[ix->count++] = (uint8_t)i;
        at_assignment(p->w, (uint16_t)t, key);
        call_more(c, key);
    }
    ix->node_count = (uint8_t)node_count;
    for (unsigned i = 0; i < node_count; i++) {
        key_of("node", nodes[i], identity);
        at_key(p->w, "node", identity, key);
        call_more(c, key);
    }
    for (unsigned i = 0; i < node_count; i++) {
        key_of("node", nodes[i], identity);
        at_reserve(p->w, identity, key);
        call_more(c, key);
    }
}

void call_release(struct play *p, struct call *c, unsigned task)
{
    begin_task(p, c, SU_IX_RELEASE, task);
    set_node(p, c, p->task[task].node);
    set_reserve(p, c, p->task[task].node);
}

void call_vote_task(struct play *p, struct call *c, unsigned oracle, unsigned task,
                    uint8_t question, uint8_t verdict, uint16_t verdict_task)
{
    const struct su_acc_execution *exec = play_exec(p);
    begin_task(p, c, SU_IX_VOTE_TASK, task);
    set_oracle(c, oracle);
    struct su_ix_vote_task *ix = CALL_ARGS(c, vote_task);
    ix->round = (uint32_t)((slot_now(p) - exec->phase_slot) / p->w->params.round_slots);
    ix->question = question;
    ix->attempt = exec->tasks[task].attempt;
    if (question == SU_QUESTION_REASSIGN) {
        key_of("node", verdict, ix->subject);
        return;
    }
    ix->verdict = verdict;
    ix->verdict_task = verdict_task;
}

void call_reassign(struct play *p, struct call *c, unsigned task, unsigned node)
{
    begin_task(p, c, SU_IX_REASSIGN, task);
    set_node(p, c, node);
    set_reserve(p, c, node);
}

/* The roots over the play's lists. */
static void task_roots(const struct play *p, unsigned task, uint8_t input[32], uint8_t output[32])
{
    const struct play_task *k = &p->task[task];
    su_msg_input_root(play_hash, (const uint8_t(*)[32])k->input_roots, 1, input);
    su_msg_output_root(play_hash, (const uint8_t(*)[32])k->output_roots, 1, k->witness, output);
}

void call_commit(struct play *p, struct call *c, unsigned task)
{
    const struct su_acc_execution *exec = play_exec(p);
    uint8_t execution[32], input[32], output[32], node[32];
    begin_task(p, c, SU_IX_COMMIT, task);
    key_of("node", p->task[task].node, node);
    call_set(c, "identity", node);
    at_execution(p->w, execution);
    task_roots(p, task, input, output);
    struct su_msg_scope scope = {p->w->program, p->w->genesis, execution, exec->request_slot};
    struct su_ix_commit *ix = CALL_ARGS(c, commit);
    ix->steps = p->steps;
    ix->attempt = exec->tasks[task].attempt;
    su_msg_commit(play_hash, &scope, (uint16_t)task, ix->attempt, node, p->task[task].salt, input,
                  output, ix->commit);
}

void call_commit_expire(struct play *p, struct call *c, unsigned task)
{
    begin_task(p, c, SU_IX_COMMIT_EXPIRE, task);
}

void call_freeze(struct play *p, struct call *c, bool fallback)
{
    call_begin(p->w, c, SU_IX_FREEZE);
    CALL_ARGS(c, freeze)->fallback = fallback;
    if (fallback)
        return;
    const struct su_acc_execution *exec = play_exec(p);
    uint64_t newest = slot_now(p) - 1; /* one slot hash per slot, newest first */
    CALL_ARGS(c, freeze)->hash_index = (uint32_t)(newest - (exec->last_commit_slot + 1));
}

void call_draw(struct play *p, struct call *c, unsigned oracle)
{
    char name[64];
    uint8_t seed[32];
    call_begin(p->w, c, SU_IX_DRAW);
    set_oracle(c, oracle);
    snprintf(name, sizeof name, "oracle%u.vrf", oracle);
    world_seed(name, seed);
    if (su_vrf_prove(seed, play_exec(p)->alpha, 32, CALL_ARGS(c, draw)->proof, NULL) != SU_OK)
        die("no proof");
}

void call_draw_default(struct play *p, struct call *c)
{
    call_begin(p->w, c, SU_IX_DRAW_DEFAULT);
}

unsigned play_drawn_node(const struct play *p, unsigned task)
{
    const struct su_acc_execution *exec = play_exec(p);
    const struct su_acc_assignment *a = play_assignment(p, task);
    uint64_t point =
        su_msg_check_point(play_hash, exec->beta, (uint16_t)task, a->cursor, exec->table_total);
    for (unsigned i = 0; i < p->nodes; i++) {
        if (p->low[i] <= point && point < p->high[i])
            return i;
    }
    die("no row holds the point");
    return 0;
}

static void set_row(struct play *p, struct call *c, unsigned node)
{
    struct su_ix_check_row row = row_of(p, node);
    uint8_t root[32];
    row.ix = CALL_ARGS(c, check_row)->ix;
    row.path_len = p->table_depth;
    full_tree(p->leaves, p->table_depth, node, row.path, root);
    *CALL_ARGS(c, check_row) = row;
    set_node(p, c, node);
    set_reserve(p, c, node);
}

void call_check_skip(struct play *p, struct call *c, unsigned task, unsigned node)
{
    begin_task(p, c, SU_IX_CHECK_SKIP, task);
    set_row(p, c, node);
}

static void set_check(struct play *p, struct call *c, unsigned task, uint64_t number)
{
    uint8_t key[32];
    at_check(p->w, (uint16_t)task, number, key);
    call_set(c, "check", key);
}

static void set_identity(struct call *c, unsigned node)
{
    char name[32];
    name_of("node", node, name);
    call_set_name(c, "identity", name);
}

void call_check_accept(struct play *p, struct call *c, unsigned task, unsigned node)
{
    begin_task(p, c, SU_IX_CHECK_ACCEPT, task);
    set_row(p, c, node);
    set_identity(c, node);
    set_check(p, c, task, play_assignment(p, task)->checks);
}

void call_check_post(struct play *p, struct call *c, unsigned task, unsigned node, bool wrong)
{
    begin_task(p, c, SU_IX_CHECK_POST, task);
    set_identity(c, node);
    set_check(p, c, task, play_assignment(p, task)->checks - 1u);
    struct su_ix_check_post *ix = CALL_ARGS(c, check_post);
    struct play honest = *p;
    roots_honest(&honest);
    task_roots(&honest, task, ix->input_root, ix->output_root);
    if (wrong)
        ix->output_root[0] ^= 1;
}

void call_check_expire(struct play *p, struct call *c, unsigned task)
{
    const struct su_acc_assignment *a = play_assignment(p, task);
    begin_task(p, c, SU_IX_CHECK_EXPIRE, task);
    set_check(p, c, task, a->check_open ? a->checks - 1u : a->checks);
}

void call_reveal(struct play *p, struct call *c, unsigned task)
{
    const struct play_task *k = &p->task[task];
    begin_task(p, c, SU_IX_REVEAL, task);
    set_identity(c, k->node);
    struct su_ix_reveal *ix = CALL_ARGS(c, reveal);
    memcpy(ix->salt, k->salt, 32);
    memcpy(ix->witness_root, k->witness, 32);
    memcpy(ix->roots[0], k->input_roots[0], 32);
    memcpy(ix->roots[1], k->output_roots[0], 32);
}

void call_match(struct play *p, struct call *c, unsigned task)
{
    uint8_t key[32];
    begin_task(p, c, SU_IX_MATCH, task);
    CALL_ARGS(c, match)->mask = 1;
    at_assignment(p->w, (uint16_t)(task == 0 ? p->tasks - 1 : task - 1), key);
    call_more(c, key);
}

void call_reveal_expire(struct play *p, struct call *c, unsigned task)
{
    begin_task(p, c, SU_IX_REVEAL_EXPIRE, task);
}

void call_dispute_expire(struct play *p, struct call *c, unsigned task)
{
    begin_task(p, c, SU_IX_DISPUTE_EXPIRE, task);
}

void call_declare_missing(struct play *p, struct call *c)
{
    begin_task(p, c, SU_IX_DECLARE_MISSING, p->tasks - 1);
}

void call_conclude(struct play *p, struct call *c, bool requestor)
{
    call_begin(p->w, c, SU_IX_CONCLUDE);
    call_set_name(c, "signer", requestor ? "requestor" : "payer");
}

void call_slash(struct play *p, struct call *c, unsigned task, unsigned who, unsigned node)
{
    begin_task(p, c, SU_IX_SLASH, task);
    set_node(p, c, node);
    set_reserve(p, c, node);
    CALL_ARGS(c, slash)->who = who;
}

void call_pay_task(struct play *p, struct call *c, unsigned task, unsigned node)
{
    begin_task(p, c, SU_IX_PAY_TASK, task);
    set_node(p, c, node);
}

void call_pay_check(struct play *p, struct call *c, unsigned task, unsigned number)
{
    uint8_t key[32];
    begin_task(p, c, SU_IX_PAY_CHECK, task);
    set_check(p, c, task, number);
    at_check(p->w, (uint16_t)task, number, key);
    const struct su_acc_check *check = world_read(p->w, SU_TAG_CHECK, key);
    if (check == NULL)
        die("no such check");
    at_key(p->w, "node", check->validator, key);
    call_set(c, "node", key);
    const struct su_acc_pool *pool = world_read(p->w, SU_TAG_POOL, p->w->pool);
    at_claim(p->w, pool->claims_next, key);
    call_set(c, "claim", key);
}

void call_free_reserve(struct play *p, struct call *c, unsigned node)
{
    call_begin(p->w, c, SU_IX_FREE_RESERVE);
    set_node(p, c, node);
    set_reserve(p, c, node);
}

void call_pay_oracle(struct play *p, struct call *c, unsigned oracle)
{
    uint8_t key[32];
    call_begin(p->w, c, SU_IX_PAY_ORACLE);
    key_of("oracle", oracle, key);
    at_key(p->w, "oracle", key, key);
    call_set(c, "oracle", key);
    CALL_ARGS(c, pay_oracle)->number = oracle;
}

void call_finish(struct play *p, struct call *c)
{
    call_begin(p->w, c, SU_IX_FINISH);
}

void call_close_assignment(struct play *p, struct call *c, unsigned task)
{
    begin_task(p, c, SU_IX_CLOSE_ASSIGNMENT, task);
}

void call_close_check(struct play *p, struct call *c, unsigned task, unsigned number)
{
    call_begin(p->w, c, SU_IX_CLOSE_CHECK);
    set_check(p, c, task, number);
}

void call_close_execution(struct play *p, struct call *c)
{
    call_begin(p->w, c, SU_IX_CLOSE_EXECUTION);
}

/* ---- scenes ----------------------------------------------------------------------------------- */

void play_request(struct play *p, uint64_t nonce)
{
    struct call c;
    call_request_open(p, &c, nonce);
    call_must(p->w, &c);
    for (unsigned i = 0; i < p->tasks; i += 4) {
        call_request_tasks(p, &c, i, p->tasks - i < 4 ? p->tasks - i : 4);
        call_must(p->w, &c);
    }
    call_request_submit(p, &c);
    call_must(p->w, &c);
}

void play_assign(struct play *p)
{
    struct call c;
    const unsigned quorum = (2 * p->oracles + 2) / 3;
    for (unsigned i = 0; i < quorum; i++) {
        call_vote_assign(p, &c, i);
        call_must(p->w, &c);
    }
    for (unsigned g = 0; g < groups_of(p); g++) {
        call_assign(p, &c, g);
        call_must(p->w, &c);
    }
}

void play_commit(struct play *p)
{
    struct call c;
    for (unsigned t = 0; t < p->tasks; t++) {
        call_commit(p, &c, t);
        call_must(p->w, &c);
    }
}

void play_draw(struct play *p)
{
    struct call c;
    world_advance(p->w, 3);
    call_freeze(p, &c, false);
    call_must(p->w, &c);
    for (unsigned i = 0; i < p->oracles; i++) {
        call_draw(p, &c, i);
        if (call_run(p->w, &c) == 0)
            return;
    }
    die("no oracle may draw");
}

void play_draw_all(struct play *p)
{
    struct call c;
    world_advance(p->w, p->w->params.freeze_slots + 1);
    call_freeze(p, &c, true);
    call_must(p->w, &c);
}

static void check_one(struct play *p, unsigned task, bool wrong)
{
    struct call c;
    for (;;) {
        unsigned node = play_drawn_node(p, task);
        call_check_skip(p, &c, task, node);
        if (call_run(p->w, &c) == 0)
            continue;
        call_check_accept(p, &c, task, node);
        call_must(p->w, &c);
        call_check_post(p, &c, task, node, wrong);
        call_must(p->w, &c);
        return;
    }
}

void play_check(struct play *p, int wrong_task)
{
    for (unsigned t = 0; t < p->tasks; t++) {
        const struct su_acc_execution *exec = play_exec(p);
        if (exec->state != SU_EXEC_CHECKING)
            return;
        if (exec->tasks[t].flags & SU_TASKF_SAMPLED)
            check_one(p, t, (int)t == wrong_task);
    }
}

void play_reveal(struct play *p)
{
    struct call c;
    for (unsigned t = 0; t < p->tasks; t++) {
        call_reveal(p, &c, t);
        call_must(p->w, &c);
    }
    for (unsigned t = play_is_fed(p) ? 0 : 1; t < p->tasks; t++) {
        call_match(p, &c, t);
        call_must(p->w, &c);
    }
}

static unsigned number_of(const struct play *p, const uint8_t identity[32])
{
    for (unsigned i = 0; i < p->nodes; i++) {
        uint8_t key[32];
        key_of("node", i, key);
        if (memcmp(key, identity, 32) == 0)
            return i;
    }
    return 0;
}

/* Charges both possible faults of a task. */
static void clear_slashes(struct play *p, unsigned task)
{
    struct call c;
    const struct su_exec_task *t = &play_exec(p)->tasks[task];
    const struct su_acc_assignment *a = play_assignment(p, task);
    if (t->state == SU_TASK_VERIFICATION_FAILED && (t->flags & SU_TASKF_SLASHED) == 0) {
        call_slash(p, &c, task, 0, number_of(p, a->node));
        call_must(p->w, &c);
    }
    t = &play_exec(p)->tasks[task];
    a = play_assignment(p, task);
    if ((t->flags & SU_TASKF_VALIDATOR_WRONG) && (t->flags & SU_TASKF_VALIDATOR_SLASHED) == 0) {
        call_slash(p, &c, task, 1, number_of(p, a->validators[a->checks - 1]));
        call_must(p->w, &c);
    }
}

static void clear_task(struct play *p, unsigned task)
{
    struct call c;
    const struct su_acc_assignment *a = play_assignment(p, task);
    if ((play_exec(p)->tasks[task].flags & SU_TASKF_PAID) == 0) {
        call_pay_task(p, &c, task, number_of(p, a->node));
        call_must(p->w, &c);
    }
    for (unsigned n = 0; n < SU_VALIDATORS_MAX; n++) {
        uint8_t key[32];
        at_check(p->w, (uint16_t)task, n, key);
        const struct su_acc_check *check = world_read(p->w, SU_TAG_CHECK, key);
        if (check == NULL)
            continue;
        if (check->state != SU_CHECK_PAID) {
            call_pay_check(p, &c, task, n);
            call_must(p->w, &c);
        }
        call_close_check(p, &c, task, n);
        call_must(p->w, &c);
    }
}

bool play_clear(struct play *p)
{
    struct call c;
    for (unsigned t = 0; t < p->tasks; t++)
        if (play_assignment(p, t) != NULL)
            clear_slashes(p, t);
    for (unsigned t = 0; t < p->tasks; t++)
        if (play_assignment(p, t) != NULL)
            clear_task(p, t);
    for (unsigned i = 0; i < p->nodes; i++) {
        uint8_t identity[32], key[32];
        key_of("node", i, identity);
        at_reserve(p->w, identity, key);
        if (world_read(p->w, SU_TAG_RESERVE, key) == NULL)
            continue;
        call_free_reserve(p, &c, i);
        call_must(p->w, &c);
    }
    for (unsigned i = 0; i < p->oracles && play_exec(p)->state == SU_EXEC_SETTLED; i++) {
        const struct su_acc_execution *exec = play_exec(p);
        if (((exec->oracles_voted | exec->oracles_silent) >> i & 1u) == 0)
            continue;
        call_pay_oracle(p, &c, i);
        call_must(p->w, &c);
    }
    call_finish(p, &c);
    call_must(p->w, &c);
    for (unsigned t = 0; t < p->tasks; t++) {
        if (play_assignment(p, t) == NULL)
            continue;
        call_close_assignment(p, &c, t);
        call_must(p->w, &c);
    }
    call_close_execution(p, &c);
    call_must(p->w, &c);
    return play_exec(p) == NULL;
}
