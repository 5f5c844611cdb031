// SPDX-License-Identifier: MIT
/* Methods about the chain itself: slots, blocks, hashes, fees, this "cluster" of one. */
#include "rpc_priv.h"

#define X(name) rpc_method rpc_##name;
#include "ledger/rpc_methods.def"
#undef X

void rpc_getHealth(struct rpc_call *c)
{
    su_json_put_str(c->w, NULL, "ok");
}

void rpc_getVersion(struct rpc_call *c)
{
    su_json_put_object(c->w, NULL);
    su_json_put_u64(c->w, "feature-set", 0);
    su_json_put_str(c->w, "solana-core", RPC_API_VERSION);
    su_json_end_object(c->w);
}

/* Reads the configuration, then the clock. */
static bool now_of(struct rpc_call *c, size_t config, struct su_ledger_now *now)
{
    struct rpc_config cfg;

    if (!rpc_param_config(c, config, &cfg))
        return false;
    su_ledger_now(c->ledger, now);
    return true;
}

void rpc_getSlot(struct rpc_call *c)
{
    struct su_ledger_now now;

    if (now_of(c, 0, &now))
        su_json_put_u64(c->w, NULL, now.slot);
}

void rpc_getBlockHeight(struct rpc_call *c)
{
    struct su_ledger_now now;

    if (now_of(c, 0, &now))
        su_json_put_u64(c->w, NULL, now.block_height);
}

void rpc_getTransactionCount(struct rpc_call *c)
{
    struct su_ledger_now now;

    if (now_of(c, 0, &now))
        su_json_put_u64(c->w, NULL, now.transactions);
}

void rpc_getEpochInfo(struct rpc_call *c)
{
    struct su_ledger_now now;

    if (!now_of(c, 0, &now))
        return;
    su_json_put_object(c->w, NULL);
    su_json_put_u64(c->w, "absoluteSlot", now.slot);
    su_json_put_u64(c->w, "blockHeight", now.block_height);
    su_json_put_u64(c->w, "epoch", now.epoch);
    su_json_put_u64(c->w, "slotIndex", now.slot_index);
    su_json_put_u64(c->w, "slotsInEpoch", SU_LEDGER_SLOTS_PER_EPOCH);
    su_json_put_u64(c->w, "transactionCount", now.transactions);
    su_json_end_object(c->w);
}

void rpc_getEpochSchedule(struct rpc_call *c)
{
    su_json_put_object(c->w, NULL);
    su_json_put_u64(c->w, "firstNormalEpoch", 0);
    su_json_put_u64(c->w, "firstNormalSlot", 0);
    su_json_put_u64(c->w, "leaderScheduleSlotOffset", SU_LEDGER_SLOTS_PER_EPOCH);
    su_json_put_u64(c->w, "slotsPerEpoch", SU_LEDGER_SLOTS_PER_EPOCH);
    su_json_put_bool(c->w, "warmup", false);
    su_json_end_object(c->w);
}

void rpc_getLatestBlockhash(struct rpc_call *c)
{
    struct su_ledger_now now;

    if (!now_of(c, 0, &now))
        return;
    rpc_put_context(c);
    su_json_put_object(c->w, "value");
    rpc_put_key(c->w, "blockhash", now.blockhash);
    su_json_put_u64(c->w, "lastValidBlockHeight", now.last_valid_block_height);
    su_json_end_object(c->w);
    su_json_end_object(c->w);
}

void rpc_isBlockhashValid(struct rpc_call *c)
{
    uint8_t hash[32];
    struct su_ledger_now now;

    if (!rpc_param_key(c, 0, hash) || !now_of(c, 1, &now))
        return;
    rpc_put_context(c);
    su_json_put_bool(c->w, "value", su_ledger_blockhash_valid(c->ledger, hash));
    su_json_end_object(c->w);
}

void rpc_getGenesisHash(struct rpc_call *c)
{
    rpc_put_key(c->w, NULL, su_ledger_genesis_hash(c->ledger));
}

/* The one key that the ledger signs with stands for the identity of its one validator. */
void rpc_getIdentity(struct rpc_call *c)
{
    su_json_put_object(c->w, NULL);
    rpc_put_key(c->w, "identity", su_ledger_faucet_key(c->ledger));
    su_json_end_object(c->w);
}

void rpc_getSlotLeader(struct rpc_call *c)
{
    struct su_ledger_now now;

    if (now_of(c, 0, &now))
        rpc_put_key(c->w, NULL, su_ledger_faucet_key(c->ledger));
}

void rpc_getSlotLeaders(struct rpc_call *c)
{
    uint64_t start = 0, n = 0;

    if (!rpc_param_u64(c, 0, &start) || !rpc_param_u64(c, 1, &n))
        return;
    if (n > 5000) {
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid limit; max 5000");
        return;
    }
    su_json_put_array(c->w, NULL);
    for (uint64_t i = 0; i < n; i++)
        rpc_put_key(c->w, NULL, su_ledger_faucet_key(c->ledger));
    su_json_end_array(c->w);
}

void rpc_getClusterNodes(struct rpc_call *c)
{
    su_json_put_array(c->w, NULL);
    su_json_put_object(c->w, NULL);
    su_json_put_u64(c->w, "featureSet", 0);
    su_json_put_null(c->w, "gossip");
    rpc_put_key(c->w, "pubkey", su_ledger_faucet_key(c->ledger));
    su_json_put_null(c->w, "rpc");
    su_json_put_u64(c->w, "shredVersion", 0);
    su_json_put_null(c->w, "tpu");
    su_json_put_str(c->w, "version", RPC_API_VERSION);
    su_json_end_object(c->w);
    su_json_end_array(c->w);
}

void rpc_getVoteAccounts(struct rpc_call *c)
{
    su_json_put_object(c->w, NULL);
    su_json_put_array(c->w, "current");
    su_json_end_array(c->w);
    su_json_put_array(c->w, "delinquent");
    su_json_end_array(c->w);
    su_json_end_object(c->w);
}

void rpc_getSupply(struct rpc_call *c)
{
    struct su_ledger_now now;

    if (!now_of(c, 0, &now))
        return;
    const uint8_t *faucet = su_ledger_faucet_key(c->ledger);
    const struct su_ledger_account *a = su_ledger_account_get(c->ledger, faucet);
    uint64_t held = a != NULL ? SU_MIN(a->lamports, now.capital_lamports) : 0;
    su_ledger_account_release(a);
    rpc_put_context(c);
    su_json_put_object(c->w, "value");
    su_json_put_u64(c->w, "circulating", now.capital_lamports - held);
    su_json_put_u64(c->w, "nonCirculating", held);
    su_json_put_array(c->w, "nonCirculatingAccounts");
    rpc_put_key(c->w, NULL, faucet);
    su_json_end_array(c->w);
    su_json_put_u64(c->w, "total", now.capital_lamports);
    su_json_end_object(c->w);
    su_json_end_object(c->w);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

void rpc_getFirstAvailableBlock(struct rpc_call *c)
{
    su_json_put_u64(c->w, NULL, 0);
}

void rpc_minimumLedgerSlot(struct rpc_call *c)
{
    su_json_put_u64(c->w, NULL, 0);
}

void rpc_getHighestSnapshotSlot(struct rpc_call *c)
{
    rpc_fail(c, RPC_NO_SNAPSHOT, "No snapshot");
}

void rpc_getBlockCommitment(struct rpc_call *c)
{
    uint64_t slot = 0;

    if (!rpc_param_u64(c, 0, &slot))
        return;
    su_json_put_object(c->w, NULL);
    su_json_put_null(c->w, "commitment"); /* no stake votes here */
    su_json_put_u64(c->w, "totalStake", 0);
    su_json_end_object(c->w);
}

/* Only slots that held a transaction are recorded; the time of another is counted back from now. */
void rpc_getBlockTime(struct rpc_call *c)
{
    uint64_t slot = 0;
    struct su_ledger_now now;
    struct su_ledger_block block;

    if (!rpc_param_u64(c, 0, &slot))
        return;
    su_ledger_now(c->ledger, &now);
    if (slot > now.slot)
        rpc_fail(c, RPC_BLOCK_NOT_AVAILABLE, "Block not available for slot %llu",
                 (unsigned long long)slot);
    else if (su_ledger_block_get(c->ledger, slot, &block, NULL) == SU_OK)
        su_json_put_i64(c->w, NULL, block.block_time);
    else
        su_json_put_i64(c->w, NULL,
                        now.unix_time - (int64_t)((now.slot - slot) * now.ms_per_slot / 1000));
}

static void put_slots(struct rpc_call *c, uint64_t first, uint64_t n)
{
    struct su_ledger_now now;

    su_ledger_now(c->ledger, &now);
    su_json_put_array(c->w, NULL);
    for (uint64_t i = 0; i < n && first + i <= now.slot; i++)
        su_json_put_u64(c->w, NULL, first + i);
    su_json_end_array(c->w);
}

/* Its last slot is a number, or the configuration takes its place. */
void rpc_getBlocks(struct rpc_call *c)
{
    uint64_t first = 0, last = 0;
    struct su_ledger_now now;
    const struct su_json_value *second = rpc_param(c, 1);
    bool bounded = second != NULL && su_json_kind(second) == SU_JSON_NUMBER;

    if (!rpc_param_u64(c, 0, &first) || (bounded && !rpc_param_u64(c, 1, &last)) ||
        !now_of(c, bounded || second == NULL ? 2 : 1, &now))
        return;
    if (!bounded)
        last = first > now.slot ? first : SU_MIN(now.slot, first + RPC_SLOTS_MAX);
    if (last < first)
        put_slots(c, first, 0);
    else if (last - first > RPC_SLOTS_MAX)
        rpc_fail(c, RPC_INVALID_PARAMS, "Slot range too large; max %u", RPC_SLOTS_MAX);
    else
        put_slots(c, first, last - first + 1);
}

void rpc_getBlocksWithLimit(struct rpc_call *c)
{
    uint64_t first = 0, n = 0;
    struct su_ledger_now now;

    if (!rpc_param_u64(c, 0, &first) || !rpc_param_u64(c, 1, &n) || !now_of(c, 2, &now))
        return;
    if (n > RPC_SLOTS_MAX)
        rpc_fail(c, RPC_INVALID_PARAMS, "Limit too large; max %u", RPC_SLOTS_MAX);
    else
        put_slots(c, first, n);
}

/* ---- fees ------------------------------------------------------------------------------------ */

void rpc_getMinimumBalanceForRentExemption(struct rpc_call *c)
{
    uint64_t bytes = 0;

    if (!rpc_param_u64(c, 0, &bytes))
        return;
    if (bytes > SU_LEDGER_DATA_MAX_BYTES)
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: an account holds at most %u bytes",
                 SU_LEDGER_DATA_MAX_BYTES);
    else
        su_json_put_u64(c->w, NULL, su_ledger_rent_minimum(bytes));
}

void rpc_getRecentPrioritizationFees(struct rpc_call *c)
{
    static const size_t keys_max = 128;
    uint8_t keys[128][32];
    struct su_ledger_price prices[150];
    const struct su_json_value *list = rpc_param(c, 0);
    const char *text = NULL;
    size_t n = 0;

    if (list != NULL && su_json_kind(list) != SU_JSON_ARRAY) {
        rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: addresses must be an array");
        return;
    }
    if (list != NULL && su_json_count(list) > keys_max) {
        rpc_fail(c, RPC_INVALID_PARAMS, "Too many inputs provided; max %zu", keys_max);
        return;
    }
    for (const struct su_json_value *i = list != NULL ? su_json_first(list) : NULL; i != NULL;
         i = su_json_next(i)) {
        if (su_json_as_str(i, NULL, &text, NULL) != SU_OK) {
            rpc_fail(c, RPC_INVALID_PARAMS, "Invalid params: an address must be a string");
            return;
        }
        if (!rpc_key(c, text, keys[n++]))
            return;
    }
    size_t found =
        su_ledger_prices(c->ledger, (const uint8_t(*)[32])keys, n, prices, SU_ARRAY_LEN(prices));
    su_json_put_array(c->w, NULL);
    for (size_t i = 0; i < found; i++) {
        su_json_put_object(c->w, NULL);
        su_json_put_u64(c->w, "prioritizationFee", prices[i].price);
        su_json_put_u64(c->w, "slot", prices[i].slot);
        su_json_end_object(c->w);
    }
    su_json_end_array(c->w);
}

/* ---- methods of this ledger alone ------------------------------------------------------------ */

void rpc_splitup_info(struct rpc_call *c)
{
    struct su_ledger_now now;

    su_ledger_now(c->ledger, &now);
    su_json_put_object(c->w, NULL);
    su_json_put_str(c->w, "version", SU_VERSION);
    rpc_put_key(c->w, "genesisHash", su_ledger_genesis_hash(c->ledger));
    rpc_put_key(c->w, "programId", su_ledger_splitup_id);
    rpc_put_key(c->w, "usdcMint", su_ledger_usdc_mint(c->ledger));
    su_json_put_u64(c->w, "usdcDecimals", SU_LEDGER_USDC_DECIMALS);
    rpc_put_key(c->w, "faucet", su_ledger_faucet_key(c->ledger));
    su_json_put_u64(c->w, "msPerSlot", now.ms_per_slot);
    su_json_put_u64(c->w, "slot", now.slot);
    su_json_end_object(c->w);
}
