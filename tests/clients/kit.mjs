// SPDX-License-Identifier: MIT
// The embedded ledger driven by @solana/kit and its program clients, unmodified.
// usage: node kit.mjs PACKAGES RPC_URL WS_URL   (PACKAGES: the folder above node_modules)
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { webcrypto } from 'node:crypto';

// Node 18, which Debian 12 has, lacks two names that every later one has.
globalThis.crypto ??= webcrypto;
globalThis.CustomEvent ??= class extends Event {
    constructor(type, options) {
        super(type, options);
        this.detail = options?.detail ?? null;
    }
};
const [packages, url, wsUrl] = process.argv.slice(2);
const require = createRequire(packages + '/package.json');
const kit = require('@solana/kit');
const system = require('@solana-program/system');
const token = require('@solana-program/token');

const rpc = kit.createSolanaRpc(url);
const subscriptions = kit.createSolanaRpcSubscriptions(wsUrl);
const confirm = kit.sendAndConfirmTransactionFactory({ rpc, rpcSubscriptions: subscriptions });
const airdrop = kit.airdropFactory({ rpc, rpcSubscriptions: subscriptions });
const SOL = 1_000_000_000n;
let checks = 0;

async function check(name, run) {
    await run();
    checks++;
    console.log('ok', name);
}

async function build(payer, instructions, { version = 0, blockhash } = {}) {
    blockhash ??= (await rpc.getLatestBlockhash().send()).value;
    return kit.signTransactionMessageWithSigners(
        kit.pipe(
            kit.createTransactionMessage({ version }),
            (m) => kit.setTransactionMessageFeePayerSigner(payer, m),
            (m) => kit.setTransactionMessageLifetimeUsingBlockhash(blockhash, m),
            (m) => kit.appendTransactionMessageInstructions(instructions, m),
        ),
    );
}

async function send(payer, instructions, options) {
    const tx = await build(payer, instructions, options);
    await confirm(tx, { commitment: 'confirmed' });
    return kit.getSignatureFromTransaction(tx);
}

const sendWire = (tx, config = {}) =>
    rpc
        .sendTransaction(kit.getBase64EncodedWireTransaction(tx), { encoding: 'base64', ...config })
        .send();

async function status(signature) {
    for (let i = 0; i < 400; i++) {
        const { value } = await rpc
            .getSignatureStatuses([signature], { searchTransactionHistory: true })
            .send();
        if (value[0]) return value[0];
        await new Promise((done) => setTimeout(done, 25));
    }
    return null;
}

async function failure(promise) {
    try {
        await promise;
    } catch (error) {
        return error;
    }
    assert.fail('no error came');
}

const balance = async (address) => (await rpc.getBalance(address).send()).value;
const transfer = (source, destination, amount) =>
    system.getTransferSolInstruction({ source, destination, amount });

// What raw JSON-RPC gives, for what kit's types hide.
async function raw(body, headers = { 'content-type': 'application/json' }) {
    const reply = await fetch(url, {
        method: 'POST',
        headers,
        body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await reply.text();
    return { status: reply.status, text, json: text ? JSON.parse(text) : undefined };
}
const call = async (method, ...params) =>
    (await raw({ jsonrpc: '2.0', id: 1, method, params })).json;

const early = (await rpc.getLatestBlockhash().send()).value;
const alice = await kit.generateKeyPairSigner();
const bob = await kit.generateKeyPairSigner();

await check('cluster', async () => {
    assert.equal(await rpc.getHealth().send(), 'ok');
    assert.match((await rpc.getVersion().send())['solana-core'], /^\d+\.\d+\.\d+$/);
    const slot = await rpc.getSlot().send();
    const info = await rpc.getEpochInfo().send();
    assert.ok(info.absoluteSlot >= slot && info.slotIndex < info.slotsInEpoch);
    assert.ok((await rpc.getBlockHeight().send()) > 0n);
    assert.equal(kit.getBase58Encoder().encode(await rpc.getGenesisHash().send()).length, 32);
    assert.ok(kit.isAddress((await rpc.getIdentity().send()).identity));
    assert.equal(await rpc.getFirstAvailableBlock().send(), 0n);
    assert.equal(await rpc.minimumLedgerSlot().send(), 0n);
    assert.ok(kit.isAddress(await rpc.getSlotLeader().send()));
    assert.deepEqual((await rpc.getVoteAccounts().send()).current, []);
    const supply = (await rpc.getSupply().send()).value;
    assert.equal(supply.total, supply.circulating + supply.nonCirculating);
    assert.equal(await rpc.getMinimumBalanceForRentExemption(0n).send(), 890_880n);
    assert.equal(await rpc.getMinimumBalanceForRentExemption(165n).send(), 2_039_280n);
    const slots = await rpc.getBlocks(0n, 3n).send();
    assert.deepEqual(
        slots,
        [0n, 1n, 2n, 3n].filter((s) => s <= slot),
    );
    assert.ok((await rpc.getBlockTime(slot).send()) > 1_600_000_000n);
    assert.equal((await rpc.isBlockhashValid(early.blockhash).send()).value, true);
});

await check('airdrop', async () => {
    const signature = await airdrop({
        recipientAddress: alice.address,
        lamports: kit.lamports(5n * SOL),
        commitment: 'confirmed',
    });
    assert.equal(await balance(alice.address), 5n * SOL);
    assert.equal((await status(signature)).err, null);
});

for (const version of ['legacy', 0]) {
    await check(`transfer, version ${version}`, async () => {
        const [a, b] = [await balance(alice.address), await balance(bob.address)];
        const signature = await send(alice, [transfer(alice, bob.address, SOL / 10n)], { version });
        assert.equal(await balance(alice.address), a - SOL / 10n - 5000n);
        assert.equal(await balance(bob.address), b + SOL / 10n);
        const config = { encoding: 'json', maxSupportedTransactionVersion: 0 };
        const got = await rpc.getTransaction(signature, config).send();
        assert.equal(got.version, version);
        assert.equal(got.meta.err, null);
        assert.equal(got.meta.fee, 5000n);
        assert.equal(got.transaction.message.accountKeys[0], alice.address);
        assert.equal(got.meta.preBalances[0] - got.meta.postBalances[0], SOL / 10n + 5000n);
        assert.deepEqual(got.meta.logMessages, [
            'Program 11111111111111111111111111111111 invoke [1]',
            'Program 11111111111111111111111111111111 success',
        ]);
        const parsed = await rpc
            .getTransaction(signature, { ...config, encoding: 'jsonParsed' })
            .send();
        const [instruction] = parsed.transaction.message.instructions;
        assert.equal(instruction.program, 'system');
        assert.equal(instruction.parsed.type, 'transfer');
        assert.equal(instruction.parsed.info.destination, bob.address);
        const wire = await rpc.getTransaction(signature, { ...config, encoding: 'base64' }).send();
        const bytes = kit.getBase64Encoder().encode(wire.transaction[0]);
        assert.ok(kit.getTransactionDecoder().decode(bytes).signatures[alice.address]);
        if (version === 0) {
            const error = await failure(rpc.getTransaction(signature).send());
            assert.equal(error.context.__code, -32015);
        }
    });
}

await check('memo, history, pages', async () => {
    const signatures = [];
    for (let i = 0; i < 3; i++)
        signatures.unshift(await send(bob, [transfer(bob, bob.address, 1n + BigInt(i))]));
    const all = await rpc.getSignaturesForAddress(bob.address).send();
    assert.deepEqual(
        all.slice(0, 3).map((s) => s.signature),
        signatures,
    );
    assert.equal(all.length, 5);
    const page = { before: signatures[0], until: signatures[2], limit: 10 };
    const middle = await rpc.getSignaturesForAddress(bob.address, page).send();
    assert.deepEqual(
        middle.map((s) => s.signature),
        [signatures[1]],
    );
    assert.equal(middle[0].err, null);
    assert.ok(middle[0].blockTime > 1_600_000_000n);
    assert.equal((await rpc.getSignaturesForAddress(bob.address, { limit: 1 }).send()).length, 1);
});

const mint = await kit.generateKeyPairSigner();
const tokens = {};
await check('token: mint, accounts, transfer', async () => {
    const space = 82n;
    const rent = await rpc.getMinimumBalanceForRentExemption(space).send();
    const programAddress = token.TOKEN_PROGRAM_ADDRESS;
    await send(alice, [
        system.getCreateAccountInstruction({
            payer: alice,
            newAccount: mint,
            lamports: rent,
            space,
            programAddress,
        }),
        token.getInitializeMint2Instruction({
            mint: mint.address,
            decimals: 6,
            mintAuthority: alice.address,
        }),
    ]);
    const instructions = [];
    for (const [name, owner] of [
        ['alice', alice],
        ['bob', bob],
    ]) {
        [tokens[name]] = await token.findAssociatedTokenPda({
            mint: mint.address,
            owner: owner.address,
            tokenProgram: programAddress,
        });
        instructions.push(
            await token.getCreateAssociatedTokenIdempotentInstructionAsync({
                payer: alice,
                mint: mint.address,
                owner: owner.address,
            }),
        );
    }
    instructions.push(
        token.getMintToInstruction({
            mint: mint.address,
            token: tokens.alice,
            mintAuthority: alice,
            amount: 1_500_000n,
        }),
    );
    await send(alice, instructions);
    const signature = await send(alice, [
        token.getTransferCheckedInstruction({
            source: tokens.alice,
            mint: mint.address,
            destination: tokens.bob,
            authority: alice,
            amount: 250_000n,
            decimals: 6,
        }),
    ]);
    const held = (await rpc.getTokenAccountBalance(tokens.alice).send()).value;
    assert.deepEqual(held, {
        amount: '1250000',
        decimals: 6,
        uiAmount: 1.25,
        uiAmountString: '1.25',
    });
    assert.equal((await rpc.getTokenSupply(mint.address).send()).value.amount, '1500000');
    const decoded = await token.fetchToken(rpc, tokens.bob);
    assert.equal(decoded.data.amount, 250_000n);
    assert.equal(decoded.data.owner, bob.address);
    assert.equal((await token.fetchMint(rpc, mint.address)).data.supply, 1_500_000n);
    const got = await rpc
        .getTransaction(signature, {
            encoding: 'jsonParsed',
            maxSupportedTransactionVersion: 0,
        })
        .send();
    assert.equal(got.transaction.message.instructions[0].parsed.type, 'transferChecked');
    assert.equal(got.meta.preTokenBalances.length, 2);
    const after = got.meta.postTokenBalances.find((b) => b.owner === bob.address);
    assert.equal(after.uiTokenAmount.amount, '250000');
});

await check('token accounts by owner', async () => {
    for (const filter of [{ mint: mint.address }, { programId: token.TOKEN_PROGRAM_ADDRESS }]) {
        const found = (
            await rpc
                .getTokenAccountsByOwner(bob.address, filter, { encoding: 'jsonParsed' })
                .send()
        ).value;
        assert.deepEqual(
            found.map((f) => f.pubkey),
            [tokens.bob],
        );
        const info = found[0].account.data.parsed.info;
        assert.equal(info.tokenAmount.uiAmountString, '0.25');
        assert.equal(info.state, 'initialized');
        assert.equal(info.isNative, false);
    }
    const largest = (await rpc.getTokenLargestAccounts(mint.address).send()).value;
    assert.deepEqual(
        largest.map((l) => l.address),
        [tokens.alice, tokens.bob],
    );
});

await check('program accounts with filters', async () => {
    const filters = [
        { dataSize: 165n },
        { memcmp: { offset: 0n, bytes: mint.address, encoding: 'base58' } },
    ];
    const program = token.TOKEN_PROGRAM_ADDRESS;
    const both = await rpc.getProgramAccounts(program, { encoding: 'base64', filters }).send();
    assert.deepEqual(new Set(both.map((b) => b.pubkey)), new Set(Object.values(tokens)));
    const owner = Buffer.from(kit.getAddressEncoder().encode(bob.address)).toString('base64');
    filters.push({ memcmp: { offset: 32n, bytes: owner, encoding: 'base64' } });
    const one = await rpc
        .getProgramAccounts(program, {
            encoding: 'base64',
            filters,
            dataSlice: { offset: 64, length: 8 },
            withContext: true,
        })
        .send();
    assert.ok(one.context.slot > 0n);
    assert.deepEqual(
        one.value.map((v) => v.pubkey),
        [tokens.bob],
    );
    const amount = Buffer.from(one.value[0].account.data[0], 'base64').readBigUInt64LE();
    assert.equal(amount, 250_000n);
    assert.equal(one.value[0].account.space, 165n);
    const none = await rpc
        .getProgramAccounts(program, {
            encoding: 'base64',
            filters: [{ dataSize: 82n }, filters[1]],
        })
        .send();
    assert.deepEqual(none, []);
});

await check('accounts and encodings', async () => {
    const info = (await rpc.getAccountInfo(mint.address, { encoding: 'jsonParsed' }).send()).value;
    assert.equal(info.data.parsed.type, 'mint');
    assert.equal(info.data.parsed.info.mintAuthority, alice.address);
    const nobody = (await kit.generateKeyPairSigner()).address;
    const list = (
        await rpc
            .getMultipleAccounts([alice.address, nobody, mint.address], { encoding: 'base64' })
            .send()
    ).value;
    assert.equal(list[1], null);
    assert.equal(list[2].data[1], 'base64');
    assert.equal((await rpc.getAccountInfo(nobody, { encoding: 'base64' }).send()).value, null);
    const text = (
        await raw({
            jsonrpc: '2.0',
            id: 1,
            method: 'getAccountInfo',
            params: [alice.address, { encoding: 'base64' }],
        })
    ).text;
    assert.ok(text.includes('"rentEpoch":18446744073709551615'), text);
    assert.equal((await call('getAccountInfo', tokens.bob)).error.code, -32600);
    assert.match((await call('getAccountInfo', tokens.bob)).error.message, /Base64 encoding/);
    const short = await call('getAccountInfo', tokens.bob, {
        encoding: 'base58',
        dataSlice: { offset: 0, length: 32 },
    });
    assert.deepEqual(short.result.value.data, [mint.address, 'base58']);
    assert.equal(typeof (await call('getAccountInfo', mint.address)).result.value.data, 'string');
});

await check('preflight failure with logs', async () => {
    const tx = await build(bob, [transfer(bob, alice.address, 1000n * SOL)]);
    const error = await failure(sendWire(tx));
    assert.ok(
        kit.isSolanaError(
            error,
            kit.SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE,
        ),
    );
    assert.match(error.context.logs.join('\n'), /insufficient lamports \d+, need 1000000000000/);
    assert.ok(kit.isSolanaError(error.cause, kit.SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM));
    assert.equal(error.cause.context.code, 1);
    const answer = await call('sendTransaction', kit.getBase64EncodedWireTransaction(tx), {
        encoding: 'base64',
    });
    assert.equal(answer.error.code, -32002);
    assert.equal(
        answer.error.message,
        'Transaction simulation failed: Error processing ' +
            'Instruction 0: custom program error: 0x1',
    );
    assert.deepEqual(answer.error.data.err, { InstructionError: [0, { Custom: 1 }] });
    assert.ok(answer.error.data.unitsConsumed > 0);
    const poor = await kit.generateKeyPairSigner();
    const unfunded = await failure(sendWire(await build(poor, [transfer(poor, bob.address, 1n)])));
    assert.match(unfunded.cause.message, /no record of a prior credit|debit an account/);
});

await check('skipPreflight lands the failure', async () => {
    const before = await balance(bob.address);
    const tx = await build(bob, [transfer(bob, alice.address, 999n * SOL)]);
    const signature = await sendWire(tx, { skipPreflight: true });
    const { err, confirmationStatus } = await status(signature);
    assert.deepEqual(err, { InstructionError: [0n, { Custom: 1n }] });
    assert.ok(['confirmed', 'finalized'].includes(confirmationStatus));
    assert.equal(await balance(bob.address), before - 5000n);
    const got = await rpc
        .getTransaction(signature, {
            encoding: 'json',
            maxSupportedTransactionVersion: 0,
        })
        .send();
    assert.deepEqual(got.meta.status, { Err: { InstructionError: [0n, { Custom: 1n }] } });
});

await check('duplicate', async () => {
    const tx = await build(alice, [transfer(alice, bob.address, 7n)]);
    await confirm(tx, { commitment: 'confirmed' });
    const after = await balance(bob.address);
    const error = await failure(sendWire(tx));
    assert.ok(
        kit.isSolanaError(error.cause, kit.SOLANA_ERROR__TRANSACTION_ERROR__ALREADY_PROCESSED),
    );
    await sendWire(tx, { skipPreflight: true });
    await send(alice, [transfer(alice, alice.address, 1n)]);
    assert.equal(await balance(bob.address), after);
});

await check('bad signature', async () => {
    const wire = Buffer.from(
        kit.getBase64EncodedWireTransaction(await build(alice, [transfer(alice, bob.address, 8n)])),
        'base64',
    );
    wire[10] ^= 1;
    const answer = await call('sendTransaction', wire.toString('base64'), { encoding: 'base64' });
    assert.equal(answer.error.code, -32003);
    const simulated = await call('simulateTransaction', wire.toString('base64'), {
        encoding: 'base64',
    });
    assert.equal(simulated.result.value.err, null);
    const verified = await call('simulateTransaction', wire.toString('base64'), {
        encoding: 'base64',
        sigVerify: true,
    });
    assert.equal(verified.error.code, -32003);
});

await check('simulation', async () => {
    const tx = await build(alice, [transfer(alice, bob.address, 1234n)]);
    const before = await balance(bob.address);
    const { value } = await rpc
        .simulateTransaction(kit.getBase64EncodedWireTransaction(tx), {
            encoding: 'base64',
            innerInstructions: true,
            accounts: { addresses: [bob.address], encoding: 'base64' },
        })
        .send();
    assert.equal(value.err, null);
    assert.ok(value.unitsConsumed > 0n);
    assert.equal(value.accounts[0].lamports, before + 1234n);
    assert.equal(await balance(bob.address), before);
    const old = await build(alice, [transfer(alice, bob.address, 1n)], {
        blockhash: { blockhash: alice.address, lastValidBlockHeight: 9n },
    });
    const wire = kit.getBase64EncodedWireTransaction(old);
    const refused = await rpc.simulateTransaction(wire, { encoding: 'base64' }).send();
    assert.equal(refused.value.err, 'BlockhashNotFound');
    const replaced = await rpc
        .simulateTransaction(wire, {
            encoding: 'base64',
            replaceRecentBlockhash: true,
        })
        .send();
    assert.equal(replaced.value.err, null);
    assert.ok(replaced.value.replacementBlockhash.lastValidBlockHeight > 0n);
    const both = await call('simulateTransaction', wire, {
        encoding: 'base64',
        replaceRecentBlockhash: true,
        sigVerify: true,
    });
    assert.equal(both.error.code, -32602);
});

await check('fees', async () => {
    const tx = await build(alice, [transfer(alice, bob.address, 1n)]);
    const message = Buffer.from(tx.messageBytes).toString('base64');
    assert.equal((await rpc.getFeeForMessage(message).send()).value, 5000n);
    const fees = await rpc.getRecentPrioritizationFees([alice.address]).send();
    assert.ok(fees.every((f) => f.prioritizationFee >= 0n));
});

await check('subscriptions', async () => {
    const abort = new AbortController();
    const slots = await subscriptions.slotNotifications().subscribe({ abortSignal: abort.signal });
    let seen = 0n;
    for await (const n of slots) {
        assert.ok(n.slot > seen);
        if (seen > 0n) break;
        seen = n.slot;
    }
    const accounts = await subscriptions
        .accountNotifications(bob.address, { encoding: 'base64' })
        .subscribe({ abortSignal: abort.signal });
    const before = await balance(bob.address);
    // What comes before somebody waits for it is dropped by the client.
    const first = accounts[Symbol.asyncIterator]().next();
    await send(alice, [transfer(alice, bob.address, 77n)]);
    assert.equal((await first).value.value.lamports, before + 77n);
    abort.abort();
});

await check('batch, notifications, errors', async () => {
    const { json } = await raw([
        { jsonrpc: '2.0', id: 'a', method: 'getSlot' },
        { jsonrpc: '2.0', method: 'getSlot' },
        { jsonrpc: '2.0', id: 2, method: 'getHealth', params: [] },
        { jsonrpc: '2.0', id: 3, method: 'noSuchMethod' },
        7,
    ]);
    assert.deepEqual(
        json.map((j) => j.id),
        ['a', 2, 3, null],
    );
    assert.equal(json[1].result, 'ok');
    assert.equal(json[2].error.code, -32601);
    assert.match(json[2].error.message, /noSuchMethod/);
    assert.equal(json[3].error.code, -32600);
    assert.equal((await raw('{"jsonrpc":')).json.error.code, -32700);
    assert.equal((await raw([])).json.error.code, -32600);
    assert.equal((await raw({ jsonrpc: '2.0', method: 'getSlot' })).text, '');
    assert.equal((await call('getBalance')).error.code, -32602);
    assert.equal((await call('getBalance', 'O0')).error.message, 'Invalid param: Invalid');
    assert.equal((await call('getBalance', 'abc')).error.message, 'Invalid param: WrongSize');
    const far = await call('getSlot', { minContextSlot: 1e12 });
    assert.equal(far.error.code, -32016);
    assert.ok(far.error.data.contextSlot > 0);
    assert.equal((await call('getBlockTime', 1e12)).error.code, -32004);
    const reply = await fetch(url, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'text/plain' },
    });
    assert.equal(reply.status, 415);
    assert.equal((await fetch(url)).status, 405);
    assert.equal(await (await fetch(url + '/health')).text(), 'ok');
    const preflight = await fetch(url, { method: 'OPTIONS' });
    assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
});

await check('test USDC', async () => {
    const info = (await call('splitup_info')).result;
    const { result } = await call('splitup_requestUsdc', alice.address, 2_000_000);
    assert.equal((await status(result)).err, null);
    const found = (
        await rpc
            .getTokenAccountsByOwner(
                alice.address,
                { mint: info.usdcMint },
                { encoding: 'jsonParsed' },
            )
            .send()
    ).value;
    assert.equal(found[0].account.data.parsed.info.tokenAmount.uiAmount, 2);
});

await check('expired blockhash', async () => {
    while ((await rpc.isBlockhashValid(early.blockhash).send()).value)
        await new Promise((done) => setTimeout(done, 200));
    assert.ok((await rpc.getBlockHeight().send()) > early.lastValidBlockHeight);
    const tx = await build(alice, [transfer(alice, bob.address, 9n)], { blockhash: early });
    const error = await failure(sendWire(tx));
    assert.ok(
        kit.isSolanaError(error.cause, kit.SOLANA_ERROR__TRANSACTION_ERROR__BLOCKHASH_NOT_FOUND),
    );
    const before = await balance(bob.address);
    const signature = await sendWire(tx, { skipPreflight: true });
    await send(alice, [transfer(alice, alice.address, 1n)]);
    assert.equal((await rpc.getSignatureStatuses([signature]).send()).value[0], null);
    assert.equal(await balance(bob.address), before);
    const gone = await failure(confirm(tx, { commitment: 'confirmed', skipPreflight: true }));
    assert.ok(kit.isSolanaError(gone, kit.SOLANA_ERROR__BLOCK_HEIGHT_EXCEEDED));
    const message = Buffer.from(tx.messageBytes).toString('base64');
    assert.equal((await rpc.getFeeForMessage(message).send()).value, null);
});

console.log(`${checks} checks passed`);
process.exit(0); // idle sockets of the clients would hold the process for a while
