// SPDX-License-Identifier: MIT
/* Solana's own virtual machine for tests of another language: LiteSVM (the runtime of Agave, in one
   process) behind a line protocol on stdin and stdout.

   usage: node driver.mjs FOLDER      FOLDER is what fetch_packages.py tests/svm prints

   One request is one line of words. Keys are 64 hex digits, bytes are hex, "-" stands for none. The
   answer is any number of lines and, as the last, one that begins with "ok", "fail" or "error" (an
   error is a request that is wrong; the process goes on).

     reset                            a new bank: System, SPL Token, precompiles; no signature and
                                      no blockhash is checked, and one transaction may come twice
     features all|mainnet             with which features of the runtime (starts a new bank)
     program KEY FILE                 an image at that address, callable at once
     deploy KEY FILE                  the same by the real upgradeable loader, piece by piece; one
                                      slot later it is callable: "ok TRANSACTIONS"
     account KEY LAMPORTS OWNER EXECUTABLE BYTES    sets; 0 lamports remove
     clock SLOT UNIX_SECONDS
     hashes SLOT:HASH ...             the SlotHashes sysvar, newest first
     rent LAMPORTS_PER_BYTE THRESHOLD
     limit UNITS                      asks for that compute limit in every transaction; 0: default
     ix PROGRAM BYTES KEY:FLAGS ...   adds an instruction to the next transaction; FLAGS of "s"
                                      (signs) and "w" (writable), "-" for none
     send PAYER                       runs it; PAYER pays the fee and gets what it needs for it
                                      before. Lines: "log TEXT" and "units PROGRAM N" per invocation
                                      from the top, "return PROGRAM BYTES", "account KEY ..." as get
                                      for every writable account but PAYER. Last line:
                                        ok UNITS SIZE
                                        fail UNITS SIZE INSTRUCTION custom NUMBER
                                        fail UNITS SIZE INSTRUCTION error NAME
                                        fail UNITS SIZE - transaction NAME
                                      UNITS without those of the limit, SIZE of the transaction
     get KEY                          "account KEY LAMPORTS OWNER EXECUTABLE BYTES", or
                                      "account KEY 0" where there is none
     owned PROGRAM                    such a line for each account of that program
     minimum BYTES                    "ok LAMPORTS": what an account of that size must hold
*/
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2] ?? "."), "package.json"));
const svm = require("litesvm-linux-x64-gnu");

const SIGNATURE_FEE = 5000n;
const BUDGET_PROGRAM = fromBase58("ComputeBudget111111111111111111111111111111");
const BUDGET_UNITS = 150n;
const SYSTEM_PROGRAM = Buffer.alloc(32);
const LOADER = fromBase58("BPFLoaderUpgradeab1e11111111111111111111111");
const RENT = fromBase58("SysvarRent111111111111111111111111111111111");
const CLOCK = fromBase58("SysvarC1ock11111111111111111111111111111111");
const TRANSACTION_MAX = 1232;

// ---- bytes --------------------------------------------------------------------------------------

function base58(bytes) {
    const digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let value = BigInt("0x0" + Buffer.from(bytes).toString("hex"));
    let text = "";
    for (; value > 0n; value /= 58n)
        text = digits[Number(value % 58n)] + text;
    for (const byte of bytes) {
        if (byte !== 0)
            break;
        text = "1" + text;
    }
    return text;
}

function fromBase58(text) {
    const digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let value = 0n;
    for (const c of text)
        value = value * 58n + BigInt(digits.indexOf(c));
    return Buffer.from(value.toString(16).padStart(64, "0"), "hex");
}

function bytesOf(word) {
    if (word === "-")
        return Buffer.alloc(0);
    if (!word || word.length % 2 || !/^[0-9a-f]*$/i.test(word))
        throw new Error(`not hex: ${word}`);
    return Buffer.from(word, "hex");
}

function keyOf(word) {
    const key = bytesOf(word);
    if (key.length !== 32)
        throw new Error(`not a key: ${word}`);
    return key;
}

const hex = (bytes) => (bytes.length ? Buffer.from(bytes).toString("hex") : "-");

function u32(n) {
    const b = Buffer.alloc(4);
    b.writeUInt32LE(n);
    return b;
}

function u64(n) {
    const b = Buffer.alloc(8);
    b.writeBigUInt64LE(BigInt(n));
    return b;
}

/* Solana's variable-length count, 7 bits at a time. */
function count(n) {
    const out = [];
    for (; n > 127; n >>= 7)
        out.push((n & 127) | 128);
    return Buffer.from([...out, n]);
}

// ---- messages -----------------------------------------------------------------------------------

/* The bytes of a legacy transaction with signatures of zeros. Returns also its keys in order, and
   which of them are writable. */
function transaction(payer, instructions, blockhash) {
    const metas = new Map();
    const note = (key, signer, writable) => {
        const id = key.toString("hex");
        const m = metas.get(id) ?? { key, signer: false, writable: false };
        m.signer ||= signer;
        m.writable ||= writable;
        metas.set(id, m);
    };
    note(payer, true, true);
    for (const ix of instructions) {
        for (const a of ix.accounts)
            note(a.key, a.signer, a.writable);
        note(ix.program, false, false);
    }
    const rank = (m) => (m.key.equals(payer) ? 0 : 1) + (m.signer ? 0 : 4) + (m.writable ? 0 : 2);
    const keys = [...metas.values()].sort((a, b) => rank(a) - rank(b));
    const index = new Map(keys.map((m, i) => [m.key.toString("hex"), i]));
    const signers = keys.filter((m) => m.signer);
    const parts = [
        count(signers.length), Buffer.alloc(64 * signers.length),
        Buffer.from([signers.length, signers.filter((m) => !m.writable).length,
            keys.filter((m) => !m.signer && !m.writable).length]),
        count(keys.length), ...keys.map((m) => m.key), blockhash, count(instructions.length),
    ];
    for (const ix of instructions) {
        const accounts = ix.accounts.map((a) => index.get(a.key.toString("hex")));
        parts.push(Buffer.from([index.get(ix.program.toString("hex"))]), count(accounts.length),
            Buffer.from(accounts), count(ix.data.length), ix.data);
    }
    return { bytes: Buffer.concat(parts), keys, signers: signers.length };
}

/* Errors without fields, by the numbers that the binding gives them. */
const INSTRUCTION_ERRORS = `
    GenericError InvalidArgument InvalidInstructionData InvalidAccountData AccountDataTooSmall
    InsufficientFunds IncorrectProgramId MissingRequiredSignature AccountAlreadyInitialized
    UninitializedAccount UnbalancedInstruction ModifiedProgramId ExternalAccountLamportSpend
    ExternalAccountDataModified ReadonlyLamportChange ReadonlyDataModified DuplicateAccountIndex
    ExecutableModified RentEpochModified NotEnoughAccountKeys AccountDataSizeChanged
    AccountNotExecutable AccountBorrowFailed AccountBorrowOutstanding DuplicateAccountOutOfSync
    InvalidError ExecutableDataModified ExecutableLamportChange ExecutableAccountNotRentExempt
    UnsupportedProgramId CallDepth MissingAccount ReentrancyNotAllowed MaxSeedLengthExceeded
    InvalidSeeds InvalidRealloc ComputationalBudgetExceeded PrivilegeEscalation
    ProgramEnvironmentSetupFailure ProgramFailedToComplete ProgramFailedToCompile Immutable
    IncorrectAuthority AccountNotRentExempt InvalidAccountOwner ArithmeticOverflow
    UnsupportedSysvar IllegalOwner MaxAccountsDataAllocationsExceeded MaxAccountsExceeded
    MaxInstructionTraceLengthExceeded BuiltinProgramsMustConsumeComputeUnits BorshIoError
`.trim().split(/\s+/);
const TRANSACTION_ERRORS = `
    AccountInUse AccountLoadedTwice AccountNotFound ProgramAccountNotFound InsufficientFundsForFee
    InvalidAccountForFee AlreadyProcessed BlockhashNotFound CallChainTooDeep
    MissingSignatureForFee InvalidAccountIndex SignatureFailure InvalidProgramForExecution
    SanitizeFailure ClusterMaintenance AccountBorrowOutstanding WouldExceedMaxBlockCostLimit
    UnsupportedVersion InvalidWritableAccount WouldExceedMaxAccountCostLimit
    WouldExceedAccountDataBlockLimit TooManyAccountLocks AddressLookupTableNotFound
    InvalidAddressLookupTableOwner InvalidAddressLookupTableData InvalidAddressLookupTableIndex
    InvalidRentPayingAccount WouldExceedMaxVoteCostLimit WouldExceedAccountDataTotalLimit
    MaxLoadedAccountsDataSizeExceeded ResanitizationNeeded InvalidLoadedAccountsDataSizeLimit
    UnbalancedTransaction ProgramCacheHitMaxLimit CommitCancelled
`.trim().split(/\s+/);

/* [instruction or "-", kind, what] of a failure; `skip` instructions of ours stand first. */
function failure(err, skip) {
    if (err instanceof svm.TransactionErrorInstructionError) {
        const inner = err.err();
        const at = err.index - skip;
        if (inner instanceof svm.InstructionErrorCustom)
            return [at, "custom", inner.code];
        return [at, "error", INSTRUCTION_ERRORS[inner] ?? "BorshIoError"];
    }
    if (typeof err === "number")
        return ["-", "transaction", TRANSACTION_ERRORS[err] ?? String(err)];
    return ["-", "transaction", String(err).replace(/\s+/g, "")];
}

// ---- curve: which addresses are program-derived -------------------------------------------------

const P = 2n ** 255n - 19n;

function power(base, exponent) {
    let result = 1n;
    for (base %= P; exponent > 0n; exponent >>= 1n) {
        if (exponent & 1n)
            result = (result * base) % P;
        base = (base * base) % P;
    }
    return result;
}

function onCurve(bytes) {
    const y = BigInt("0x" + Buffer.from(bytes).reverse().toString("hex")) & (2n ** 255n - 1n);
    const d = ((P - 121665n) * power(121666n, P - 2n)) % P;
    const u = (y * y - 1n + P) % P;
    const v = (d * y * y + 1n) % P;
    const square = (u * power(v, P - 2n)) % P;
    return square === 0n || power(square, (P - 1n) / 2n) === 1n;
}

function derivedAddress(seed, program) {
    for (let bump = 255; bump >= 0; bump--) {
        const key = createHash("sha256").update(seed).update(Buffer.from([bump])).update(program)
            .update("ProgramDerivedAddress").digest();
        if (!onCurve(key))
            return key;
    }
    throw new Error("no program-derived address");
}

// ---- the bank -----------------------------------------------------------------------------------

let bank;
let queue = [];
let limit = 0n;
let features = "mainnet";

function reset() {
    bank = new svm.LiteSvm();
    if (features === "all") {
        bank.setFeatureSet(svm.FeatureSet.allEnabled());
        bank.setBuiltins();
        bank.setDefaultPrograms();
    }
    bank.setSigverify(false);
    bank.setBlockhashCheck(false);
    bank.setTransactionHistory(0n);
    bank.setLogBytesLimit(null);
    queue = [];
    limit = 0n;
}

function accountLine(key) {
    const a = bank.getAccount(key);
    if (!a || a.lamports() === 0n)
        return `account ${hex(key)} 0`;
    return `account ${hex(key)} ${a.lamports()} ${hex(a.owner())} ${a.executable() ? 1 : 0} ` +
        hex(a.data());
}

function setAccount(key, lamports, owner, executable, data) {
    bank.setAccount(key, new svm.Account(lamports, data, owner, executable, 2n ** 64n - 1n));
}

function run(payer, instructions) {
    const skip = limit > 0n ? 1 : 0;
    const all = skip
        ? [{ program: BUDGET_PROGRAM, accounts: [],
            data: Buffer.concat([Buffer.from([2]), u32(Number(limit))]) }, ...instructions]
        : instructions;
    const tx = transaction(payer, all, fromBase58(bank.latestBlockhash()));
    const result = bank.sendLegacyTransaction(tx.bytes);
    const failed = result instanceof svm.FailedTransactionMetadata;
    const meta = failed ? result.meta() : result;
    const used = meta.computeUnitsConsumed();
    const own = skip ? BUDGET_UNITS : 0n;
    return { tx, failed, meta, err: failed ? failure(result.err(), skip) : null,
        units: used > own ? used - own : 0n };
}

function fund(payer, signers) {
    const need = bank.minimumBalanceForRentExemption(0n) + SIGNATURE_FEE * BigInt(signers);
    setAccount(payer, need, SYSTEM_PROGRAM, false, Buffer.alloc(0));
}

function send(payer, out) {
    const instructions = queue;
    queue = [];
    fund(payer, 64);
    const r = run(payer, instructions);
    const logs = r.meta.logs();
    for (const line of logs)
        out(`log ${line.replace(/[\r\n]/g, " ")}`);
    let depth = 0;
    for (const line of logs) {
        const used = /^Program (\S+) consumed (\d+) of/.exec(line);
        if (/^Program \S+ invoke \[\d+\]$/.test(line))
            depth++;
        else if (used && depth === 1 && used[1] !== base58(BUDGET_PROGRAM))
            out(`units ${hex(fromBase58(used[1]))} ${used[2]}`);
        else if (/^Program \S+ (success$|failed: )/.test(line))
            depth--;
    }
    const returned = r.meta.returnData();
    if (returned.data().length)
        out(`return ${hex(returned.programId())} ${hex(returned.data())}`);
    for (const m of r.tx.keys)
        if (m.writable && !m.key.equals(payer))
            out(accountLine(m.key));
    const head = `${r.units} ${r.tx.bytes.length}`;
    out(r.failed ? `fail ${head} ${r.err.join(" ")}` : `ok ${head}`);
}

const meta = (key, flags) =>
    ({ key, signer: flags.includes("s"), writable: flags.includes("w") });

/* What `solana program deploy` does: a buffer filled by many transactions, then the deployment. */
function deploy(program, image) {
    const payer = Buffer.alloc(32, 0xd1);
    const buffer = Buffer.alloc(32, 0xd2);
    const data = derivedAddress(program, LOADER);
    let sent = 0;
    const step = (...instructions) => {
        const r = run(payer, instructions);
        sent++;
        if (r.failed)
            throw new Error(`deployment, transaction ${sent}: ${r.err.join(" ")}: ` +
                r.meta.logs().join("; "));
        if (r.tx.bytes.length > TRANSACTION_MAX)
            throw new Error(`deployment, transaction ${sent}: ${r.tx.bytes.length} bytes`);
    };
    const create = (key, bytes) => ({
        program: SYSTEM_PROGRAM, accounts: [meta(payer, "sw"), meta(key, "sw")],
        data: Buffer.concat([u32(0), u64(bank.minimumBalanceForRentExemption(BigInt(bytes))),
            u64(bytes), LOADER]),
    });
    setAccount(payer, 10n ** 13n, SYSTEM_PROGRAM, false, Buffer.alloc(0));
    step(create(buffer, 37 + image.length),
        { program: LOADER, accounts: [meta(buffer, "w"), meta(payer, "")], data: u32(0) });
    const piece = 900;
    for (let at = 0; at < image.length; at += piece) {
        const part = image.subarray(at, at + piece);
        step({ program: LOADER, accounts: [meta(buffer, "w"), meta(payer, "s")],
            data: Buffer.concat([u32(1), u32(at), u64(part.length), part]) });
    }
    step(create(program, 36), {
        program: LOADER,
        accounts: [meta(payer, "sw"), meta(data, "w"), meta(program, "w"), meta(buffer, "w"),
            meta(RENT, ""), meta(CLOCK, ""), meta(SYSTEM_PROGRAM, ""), meta(payer, "s")],
        data: Buffer.concat([u32(2), u64(image.length)]),
    });
    bank.warpToSlot(bank.getClock().slot + 1n);
    return sent;
}

// ---- requests -----------------------------------------------------------------------------------

const requests = {
    reset: () => reset(),
    features: ([which]) => {
        if (which !== "all" && which !== "mainnet")
            throw new Error("features are all or mainnet");
        features = which;
        reset();
    },
    program: ([key, file]) => bank.addProgram(keyOf(key), readFileSync(file)),
    deploy: ([key, file]) => deploy(keyOf(key), readFileSync(file)),
    account: ([key, lamports, owner, executable, data]) =>
        setAccount(keyOf(key), BigInt(lamports), keyOf(owner), executable === "1", bytesOf(data)),
    clock: ([slot, unix]) => {
        const c = bank.getClock();
        bank.setClock(new svm.Clock(BigInt(slot), c.epochStartTimestamp, c.epoch,
            c.leaderScheduleEpoch, BigInt(unix)));
    },
    hashes: (words) => {
        bank.setSlotHashes(words.map((word) => {
            const [slot, hash] = word.split(":");
            return { slot: BigInt(slot), hash: base58(keyOf(hash)) };
        }));
    },
    rent: ([perByte, threshold]) =>
        bank.setRent(new svm.Rent(BigInt(perByte), Number(threshold), 50)),
    limit: ([units]) => {
        limit = BigInt(units);
    },
    ix: ([program, data, ...accounts]) => {
        const metas = accounts.map((word) => {
            const [key, flags] = word.split(":");
            return meta(keyOf(key), flags);
        });
        queue.push({ program: keyOf(program), data: bytesOf(data), accounts: metas });
    },
    send: ([payer], out) => {
        send(keyOf(payer), out);
        return null;
    },
    get: ([key], out) => {
        out(accountLine(keyOf(key)));
    },
    owned: ([program], out) => {
        for (const a of bank.getProgramAccounts(keyOf(program)))
            out(accountLine(Buffer.from(a.address)));
    },
    minimum: ([bytes]) => bank.minimumBalanceForRentExemption(BigInt(bytes)),
};

function put(text) {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) {
        try {
            at += writeSync(1, bytes, at);
        } catch (error) {
            if (error.code !== "EAGAIN")
                process.exit(1);
        }
    }
}

reset();
createInterface({ input: process.stdin }).on("line", (line) => {
    const [verb, ...words] = line.trim().split(/ +/);
    const lines = [];
    const out = (text) => lines.push(text);
    try {
        if (!Object.hasOwn(requests, verb))
            throw new Error(`unknown request ${verb}`);
        const value = requests[verb](words, out);
        if (value !== null)
            out(value === undefined ? "ok" : `ok ${value}`);
    } catch (error) {
        out(`error ${String(error.message ?? error).replace(/\s+/g, " ")}`);
    }
    put(lines.join("\n") + "\n");
});
