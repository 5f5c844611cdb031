// SPDX-License-Identifier: MIT
/* splitup devnet: the embedded ledger as a network of one. */
#include "abi/abi.h"
#include "cli_priv.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* The handler of SIGINT wakes the wait below; one signal more ends at once. */
static void on_terminate(int signal_number)
{
    (void)signal_number;
    (void)raise(SIGINT);
}

static enum su_code ledger_dir(const struct cli *c, char *out, size_t cap, struct su_err *e)
{
    char home[3900];
    const char *given = cli_get(c, "--ledger");

    if (given)
        return su_str_copy(out, cap, given)
                   ? SU_OK
                   : su_fail(e, SU_ELIMIT, "--ledger", "is longer than %zu bytes", cap - 1);
    if (cli_get(c, "--home")) {
        if (!su_str_copy(home, sizeof home, cli_get(c, "--home")))
            return su_fail(e, SU_ELIMIT, "--home", "is longer than %zu bytes", sizeof home - 1);
    } else {
        enum su_code rc = su_home_dir(home, sizeof home, e);
        if (rc != SU_OK)
            return rc;
    }
    return su_path_join(out, cap, home, "devnet", e);
}

/* Removes the ledger in dir, unless someone has it open. One that cannot be read goes too. */
static enum su_code reset(const char *dir, struct su_err *e)
{
    static const char *const names[] = {"ledger.db", "ledger.db-wal", "ledger.db-shm",
                                        "admin.json"};
    const struct su_ledger_options o = {.dir = dir};
    struct su_ledger *l = NULL;
    char path[4200];

    if (su_ledger_open(&o, &l, e) == SU_EBUSY)
        return SU_EBUSY;
    su_ledger_close(l);
    for (size_t i = 0; i < SU_ARRAY_LEN(names); i++) {
        enum su_code rc = su_path_join(path, sizeof path, dir, names[i], e);
        if (rc != SU_OK)
            return rc;
        if (unlink(path) != 0 && errno != ENOENT)
            return su_fail_sys(e, errno, path, "cannot remove");
    }
    return SU_OK;
}

/* ---- the ready message ----------------------------------------------------------------------- */

struct ready {
    const char *dir;
    struct su_ledger_now now;
    char url[128], sockets[128], genesis[64], program[64], mint[64], faucet[64];
};

static void describe(struct ready *r, const char *dir, const char *bind, struct su_ledger *l,
                     const struct su_ledger_rpc *rpc)
{
    const char *left = strchr(bind, ':') ? "[" : "", *right = *left ? "]" : "";

    r->dir = dir;
    su_ledger_now(l, &r->now);
    (void)snprintf(r->url, sizeof r->url, "http://%s%s%s:%u", left, bind, right,
                   su_ledger_rpc_port(rpc));
    (void)snprintf(r->sockets, sizeof r->sockets, "ws://%s%s%s:%u", left, bind, right,
                   su_ledger_rpc_sockets_port(rpc));
    (void)su_base58_encode(su_ledger_genesis_hash(l), 32, r->genesis, sizeof r->genesis);
    (void)su_base58_encode(su_ledger_splitup_id, 32, r->program, sizeof r->program);
    (void)su_base58_encode(su_ledger_usdc_mint(l), 32, r->mint, sizeof r->mint);
    (void)su_base58_encode(su_ledger_faucet_key(l), 32, r->faucet, sizeof r->faucet);
}

static enum su_code print_ready_json(const struct ready *r, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;

    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "url", r->url);
    su_json_put_str(&w, "ws_url", r->sockets);
    su_json_put_str(&w, "genesis_hash", r->genesis);
    su_json_put_str(&w, "program_id", r->program);
    su_json_put_str(&w, "usdc_mint", r->mint);
    su_json_put_str(&w, "faucet", r->faucet);
    su_json_put_str(&w, "ledger", r->dir);
    su_json_put_u64(&w, "slot", r->now.slot);
    su_json_put_u64(&w, "slot_ms", r->now.ms_per_slot);
    su_json_put_u64(&w, "pid", (uint64_t)getpid());
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code print_ready(const struct cli *c, const struct ready *r, struct su_err *e)
{
    if (cli_has(c, "--json"))
        return print_ready_json(r, e);
    printf("RPC           %s\n", r->url);
    printf("subscriptions %s\n", r->sockets);
    printf("genesis hash  %s\n", r->genesis);
    printf("program       %s\n", r->program);
    printf("test USDC     %s\n", r->mint);
    printf("ledger        %s, slot %llu, one each %u ms\n", r->dir, (unsigned long long)r->now.slot,
           r->now.ms_per_slot);
    printf("Ctrl-C stops it.\n");
    return cli_flush(e);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* The program's accounts on a new ledger, and the administrator's key file beside it. */
static enum su_code set_up(struct su_ledger *l, const char *dir, uint32_t slot_ms,
                           uint64_t cooldown_ms, struct su_err *e)
{
    struct su_params params;
    char path[4200];
    uint8_t secret[64];
    struct su_buf b;

    su_params_private(&params, slot_ms);
    params.cooldown_slots = su_econ_slots(&params, cooldown_ms);
    enum su_code rc = su_ledger_setup(l, &params, e);
    if (rc == SU_OK)
        rc = su_path_join(path, sizeof path, dir, "admin.json", e);
    if (rc != SU_OK || access(path, F_OK) == 0)
        return rc;
    su_ledger_admin_secret(l, secret);
    su_buf_init(&b, 0);
    for (size_t i = 0; i < sizeof secret; i++)
        su_buf_printf(&b, "%s%u", i == 0 ? "[" : ",", secret[i]);
    su_buf_printf(&b, "]\n");
    rc = su_buf_check(&b, path, e);
    if (rc == SU_OK)
        rc = su_file_write(path, b.data, b.len, 0600, e);
    su_wipe(secret, sizeof secret);
    if (b.len > 0)
        su_wipe(b.data, b.len);
    su_buf_fini(&b);
    return rc;
}

static enum su_code serve(const struct cli *c, const char *dir, uint16_t port, uint32_t slot_ms,
                          uint64_t cooldown_ms, struct su_err *e)
{
    const char *bind = cli_get(c, "--bind") ? cli_get(c, "--bind") : "127.0.0.1";
    const struct su_ledger_options o = {.dir = dir, .ms_per_slot = slot_ms};
    const struct su_ledger_rpc_options ro = {.bind = bind, .port = port};
    struct su_ledger *l = NULL;
    struct su_ledger_rpc *rpc = NULL;
    struct ready r;

    struct pollfd wake = {.fd = cli_interrupt_fd(), .events = POLLIN};
    if (wake.fd < 0)
        return su_fail(e, SU_EIO, "devnet", "no file descriptors left to wait with");
    enum su_code rc = su_ledger_open(&o, &l, e);
    if (rc == SU_OK)
        rc = set_up(l, dir, slot_ms, cooldown_ms, e);
    if (rc == SU_OK)
        rc = su_ledger_rpc_start(l, &ro, &rpc, e);
    if (rc == SU_OK) {
        describe(&r, dir, bind, l, rpc);
        rc = print_ready(c, &r, e);
    }
    while (rc == SU_OK && !cli_interrupted())
        (void)poll(&wake, 1, -1);
    su_ledger_rpc_stop(rpc);
    su_ledger_close(l);
    return rc;
}

static enum su_code run_devnet(struct cli *c, struct su_err *e)
{
    uint64_t port = 8899, slot_ms = 400, cooldown_ms = 60000;
    char dir[4096];
    struct sigaction act = {.sa_handler = on_terminate}, old;
    enum su_code rc = SU_OK;

    if (cli_get(c, "--port"))
        rc = su_parse_u64(cli_get(c, "--port"), "--port", 0, 65534, &port, e);
    if (rc == SU_OK && cli_get(c, "--slot-ms"))
        rc = su_parse_u64(cli_get(c, "--slot-ms"), "--slot-ms", 5, 60000, &slot_ms, e);
    if (rc == SU_OK && cli_get(c, "--cooldown-ms"))
        rc = su_parse_u64(cli_get(c, "--cooldown-ms"), "--cooldown-ms", 1, 1000ull * 86400 * 365,
                          &cooldown_ms, e);
    if (rc == SU_OK)
        rc = ledger_dir(c, dir, sizeof dir, e);
    if (rc == SU_OK && cli_has(c, "--reset"))
        rc = reset(dir, e);
    if (rc != SU_OK)
        return rc;
    sigaction(SIGTERM, &act, &old);
    rc = serve(c, dir, (uint16_t)port, (uint32_t)slot_ms, cooldown_ms, e);
    sigaction(SIGTERM, &old, NULL);
    return rc;
}

const struct cli_verb cli_verb_devnet = {
    .name = "devnet",
    .args = "",
    .summary = "Run a private Solana network of one on this machine",
    .detail = "An embedded ledger with the SplitUp program, test SOL and test USDC, that answers "
              "Solana's JSON-RPC over HTTP and its subscriptions over WebSocket on the port after "
              "it, so that Solana's own clients work with it. What was confirmed survives a crash. "
              "There are no forks: what has landed is final. Prints its address, genesis hash, "
              "program and USDC mint when it is ready, and runs until SIGINT or SIGTERM. Anyone "
              "who can reach the port can take test coins from its faucet.",
    .option = {{"--port", "PORT", "port of HTTP (default 8899; 0: any two free ones)"},
               {"--bind", "IP", "numeric address to listen on (default 127.0.0.1)"},
               {"--slot-ms", "MS", "milliseconds of a slot, 5 to 60000 (default 400)"},
               {"--cooldown-ms", "MS",
                "new ledger: how long stake unlocks before it can be taken out (default 60000)"},
               {"--home", "DIR", "keep the ledger in DIR/devnet (default: $SPLITUP_HOME)"},
               {"--ledger", "DIR", "keep the ledger in DIR itself"},
               {"--reset", NULL, "forget what the ledger holds and begin anew"},
               {"--json", NULL, "print the ready message as one line of JSON"}},
    .run = run_devnet,
};
