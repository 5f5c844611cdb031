#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The embedded ledger driven by solana-py and solders, unmodified.

usage: solana_py.py RPC_URL WS_URL   (PYTHONPATH: the folder of the packages)
"""
import asyncio
import base64
import ctypes
import ctypes.util
import json
import struct
import sys
import urllib.request

from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed
from solana.rpc.core import RPCException
from solana.rpc.models import DataSliceOpts, MemcmpOpts, TokenAccountOpts, TxOpts
from solana.rpc.websocket_api import SolanaWsClient
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.rpc.errors import SendTransactionPreflightFailureMessage
from solders.signature import Signature
from solders.system_program import (CreateAccountParams, TransferParams, create_account, transfer)
from solders.token import ID as TOKEN
from solders.token.state import Mint, TokenAccount
from solders.transaction import VersionedTransaction
from solders.transaction_status import TransactionConfirmationStatus

SOL = 1_000_000_000


def check(what, ok):
    if not ok:
        raise AssertionError(what)
    print("ok", what)


class Driver:
    def __init__(self, url, ws_url):
        self.url, self.ws_url = url, ws_url
        self.client = AsyncClient(url, Confirmed)

    async def blockhash(self):
        return (await self.client.get_latest_blockhash()).value.blockhash

    async def build(self, signers, instructions, blockhash=None, legacy=False):
        blockhash = blockhash or await self.blockhash()
        payer = signers[0].pubkey()
        if legacy:
            message = Message.new_with_blockhash(instructions, payer, blockhash)
        else:
            message = MessageV0.try_compile(payer, instructions, [], blockhash)
        return VersionedTransaction(message, signers)

    async def send(self, signers, instructions, **options):
        tx = await self.build(signers, instructions, **options)
        return (await self.client.send_transaction(tx, TxOpts(skip_confirmation=False))).value

    async def balance(self, key):
        return (await self.client.get_balance(key)).value

    async def status(self, signature):
        return (await self.client.get_signature_statuses([signature])).value[0]

    def raw(self, body):
        request = urllib.request.Request(self.url, json.dumps(body).encode(),
                                         {"Content-Type": "application/json; charset=utf-8"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.loads(reply.read())

    def call(self, method, *params):
        return self.raw({"jsonrpc": "2.0", "id": 5, "method": method, "params": params})


def pay(source, to, lamports):
    return transfer(TransferParams(from_pubkey=source.pubkey(), to_pubkey=to, lamports=lamports))


async def error_of(call):
    try:
        await call
    except RPCException as error:
        return error.args[0]
    raise AssertionError("no error came")


async def cluster(d):
    c = d.client
    check("connected", await c.is_connected())
    check("version", (await c.get_version()).value.solana_core.count(".") == 2)
    slot = (await c.get_slot()).value
    check("height", (await c.get_block_height()).value >= slot)
    check("epoch", (await c.get_epoch_info()).value.absolute_slot >= slot)
    check("genesis", isinstance((await c.get_genesis_hash()).value, Hash))
    check("identity", (await c.get_identity()).value.identity == (await c.get_slot_leader()).value)
    check("leaders", len((await c.get_slot_leaders(slot, 3)).value) == 3)
    check("nodes", len((await c.get_cluster_nodes()).value) == 1)
    check("votes", (await c.get_vote_accounts()).value.current == [])
    check("schedule", (await c.get_epoch_schedule()).value.slots_per_epoch == 432000)
    check("commitment", (await c.get_block_commitment(slot)).value.total_stake == 0)
    check("blocks", (await c.get_blocks(0, 1)).value[0] == 0)
    check("time", (await c.get_block_time(slot)).value > 1_600_000_000)
    check("count", (await c.get_transaction_count()).value >= 0)
    check("supply", (await c.get_supply()).value.total > 0)
    check("rent", (await c.get_minimum_balance_for_rent_exemption(82)).value == 1_461_600)


async def money(d, alice, bob):
    signature = (await d.client.request_airdrop(alice.pubkey(), 5 * SOL)).value
    await d.client.confirm_transaction(signature)
    check("airdrop", await d.balance(alice.pubkey()) == 5 * SOL)
    for legacy in (True, False):
        before = await d.balance(bob.pubkey())
        signature = await d.send([alice], [pay(alice, bob.pubkey(), SOL // 2)], legacy=legacy)
        check("transfer", await d.balance(bob.pubkey()) == before + SOL // 2)
        found = await d.status(signature)
        check("status", found.err is None and
              found.confirmation_status == TransactionConfirmationStatus.Finalized)
        for encoding in ("json", "jsonParsed", "base64", "base58"):
            got = (await d.client.get_transaction(signature, encoding, None, 0)).value
            check("transaction as " + encoding, got.transaction.meta.fee == 5000)
            if encoding.startswith("base"):
                check("the bytes", got.transaction.transaction.signatures[0] == signature)
        check("history", (await d.client.get_signatures_for_address(bob.pubkey()))
              .value[0].signature == signature)


async def priority(d, alice, bob):
    budget = [set_compute_unit_limit(1000), set_compute_unit_price(5_000_000)]
    tx = await d.build([alice], budget + [pay(alice, bob.pubkey(), 1)])
    check("fee", (await d.client.get_fee_for_message(tx.message)).value == 10_000)
    before = await d.balance(alice.pubkey())
    slot = (await d.client.get_slot()).value
    while (await d.client.get_slot()).value == slot:  # the least price of a slot is what counts
        await asyncio.sleep(0.01)
    await d.client.send_transaction(tx, TxOpts(skip_confirmation=False))
    check("paid", await d.balance(alice.pubkey()) == before - 10_001)
    fees = (await d.client.get_recent_prioritization_fees([alice.pubkey()])).value
    check("seen", max(f.prioritization_fee for f in fees) == 5_000_000)


def initialize_mint(mint, authority):
    return Instruction(TOKEN, bytes([20, 9]) + bytes(authority) + b"\0",
                       [AccountMeta(mint, False, True)])


def initialize_account(account, mint, owner):
    return Instruction(TOKEN, bytes([18]) + bytes(owner),
                       [AccountMeta(account, False, True), AccountMeta(mint, False, False)])


def mint_to(mint, account, authority, amount):
    return Instruction(TOKEN, bytes([7]) + struct.pack("<Q", amount),
                       [AccountMeta(mint, False, True), AccountMeta(account, False, True),
                        AccountMeta(authority, True, False)])


def token_transfer(source, mint, to, owner, amount):
    return Instruction(TOKEN, bytes([12]) + struct.pack("<QB", amount, 9),
                       [AccountMeta(source, False, True), AccountMeta(mint, False, False),
                        AccountMeta(to, False, True), AccountMeta(owner, True, False)])


async def new_account(d, payer, space):
    key = Keypair()
    rent = (await d.client.get_minimum_balance_for_rent_exemption(space)).value
    return key, create_account(CreateAccountParams(
        from_pubkey=payer.pubkey(), to_pubkey=key.pubkey(), lamports=rent, space=space,
        owner=TOKEN))


async def tokens(d, alice, bob):
    c, me = d.client, alice.pubkey()
    mint, create = await new_account(d, alice, 82)
    await d.send([alice, mint], [create, initialize_mint(mint.pubkey(), me)])
    held = {}
    for owner in (alice, bob):
        account, create = await new_account(d, alice, 165)
        held[owner] = account.pubkey()
        await d.send([alice, account], [
            create, initialize_account(account.pubkey(), mint.pubkey(), owner.pubkey())])
    await d.send([alice], [mint_to(mint.pubkey(), held[alice], me, 3_000_000_000)])
    await d.send([alice], [token_transfer(held[alice], mint.pubkey(), held[bob], me, 500_000_000)])
    amount = (await c.get_token_account_balance(held[bob])).value
    check("token balance", (amount.amount, amount.ui_amount_string) == ("500000000", "0.5"))
    check("token supply", (await c.get_token_supply(mint.pubkey())).value.ui_amount == 3.0)
    state = TokenAccount.from_bytes((await c.get_account_info(held[bob])).value.data)
    check("token account", (state.mint, state.amount) == (mint.pubkey(), 500_000_000))
    state = Mint.from_bytes((await c.get_account_info(mint.pubkey())).value.data)
    check("mint", (state.decimals, state.supply) == (9, 3_000_000_000))
    for of in (TokenAccountOpts(mint=mint.pubkey()), TokenAccountOpts(program_id=TOKEN)):
        found = (await c.get_token_accounts_by_owner(bob.pubkey(), of)).value
        check("by owner", [f.pubkey for f in found] == [held[bob]])
        found = (await c.get_token_accounts_by_owner_json_parsed(bob.pubkey(), of)).value
        check("parsed", found[0].account.data.parsed["info"]["tokenAmount"]["decimals"] == 9)
    none = await c.get_token_accounts_by_delegate(me, TokenAccountOpts(mint=mint.pubkey()))
    check("by delegate", none.value == [])
    largest = (await c.get_token_largest_accounts(mint.pubkey())).value
    check("largest", [a.address for a in largest] == [held[alice], held[bob]])
    await programs(d, mint.pubkey(), bob.pubkey(), held[bob])
    return mint.pubkey()


async def programs(d, mint, owner, account):
    filters = [165, MemcmpOpts(offset=0, bytes=str(mint)), MemcmpOpts(offset=32, bytes=str(owner))]
    found = (await d.client.get_program_accounts(
        TOKEN, encoding="base64", filters=filters, data_slice=DataSliceOpts(offset=64, length=8))).value
    check("program accounts", [f.pubkey for f in found] == [account])
    check("slice", struct.unpack("<Q", found[0].account.data)[0] == 500_000_000)
    both = (await d.client.get_program_accounts(TOKEN, filters=filters[:2], encoding="base64")).value
    check("filtered", len(both) == 2)
    parsed = (await d.client.get_program_accounts_json_parsed(TOKEN, filters=filters)).value
    check("parsed", parsed[0].account.data.parsed["type"] == "account")
    many = (await d.client.get_multiple_accounts([mint, Keypair().pubkey()])).value
    check("several", many[0].owner == TOKEN and many[1] is None)


async def failures(d, alice, bob):
    c = d.client
    tx = await d.build([bob], [pay(bob, alice.pubkey(), 1000 * SOL)])
    error = await error_of(c.send_transaction(tx))
    check("preflight", isinstance(error, SendTransactionPreflightFailureMessage))
    check("its logs", any("insufficient lamports" in line for line in error.data.logs))
    check("its message", "custom program error: 0x1" in error.message)
    before = await d.balance(bob.pubkey())
    signature = (await c.send_transaction(
        tx, TxOpts(skip_preflight=True, skip_confirmation=False))).value
    check("lands and fails", (await d.status(signature)).err is not None)
    check("costs the fee", await d.balance(bob.pubkey()) == before - 5000)
    got = (await c.get_transaction(signature, max_supported_transaction_version=0)).value
    check("recorded", got.transaction.meta.err is not None)
    tx = await d.build([alice], [pay(alice, bob.pubkey(), 11)])
    await c.send_transaction(tx, TxOpts(skip_confirmation=False))
    error = await error_of(c.send_transaction(tx))
    check("duplicate", "already been processed" in error.message)
    tx = await d.build([alice], [pay(alice, bob.pubkey(), 12)], blockhash=Hash.new_unique())
    error = await error_of(c.send_transaction(tx))
    check("unknown blockhash", "Blockhash not found" in error.message)
    tx = await d.build([alice], [pay(alice, bob.pubkey(), 13)])
    forged = VersionedTransaction.populate(tx.message, [Signature.default()])
    code = d.call("sendTransaction", base64.b64encode(bytes(forged)).decode(), {"encoding": "base64"})
    check("signature", code["error"]["code"] == -32003)
    simulated = (await c.simulate_transaction(forged)).value
    check("simulation", simulated.err is None and simulated.units_consumed > 0)
    check("nothing happened", await d.status(tx.signatures[0]) is None)


def unzstd(text, size):
    """With the system's libzstd, not with code of ours."""
    library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    library.ZSTD_decompress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(size + 1)
    packed = base64.b64decode(text)
    n = library.ZSTD_decompress(out, ctypes.c_size_t(size + 1), packed, ctypes.c_size_t(len(packed)))
    return out.raw[:n] if n <= size else None


async def encodings(d, mint):
    key = str(mint)
    plain = d.call("getAccountInfo", key, {"encoding": "base64"})["result"]["value"]
    packed = d.call("getAccountInfo", key, {"encoding": "base64+zstd"})["result"]["value"]
    check("encoding", packed["data"][1] == "base64+zstd")
    check("zstd", unzstd(packed["data"][0], 82) == base64.b64decode(plain["data"][0]))
    clock = d.call("getAccountInfo", "SysvarC1ock11111111111111111111111111111111",
                   {"encoding": "base64"})["result"]["value"]
    check("clock", len(base64.b64decode(clock["data"][0])) == 40)
    check("batch", [a["id"] for a in d.raw([
        {"jsonrpc": "2.0", "id": i, "method": "getSlot"} for i in range(20)])] == list(range(20)))
    check("too many", d.call("getMultipleAccounts", [key] * 101)["error"]["code"] == -32602)


async def sockets(d, alice, bob):
    async with SolanaWsClient(d.ws_url) as socket:
        subscription = await socket.slot_subscribe()
        note = await asyncio.wait_for(socket.recv(), 20)
        check("slot", note.result.slot > note.result.parent)
        await socket.unsubscribe(subscription)
    async with SolanaWsClient(d.ws_url) as socket:
        tx = await d.build([alice], [pay(alice, bob.pubkey(), 21)])
        await socket.signature_subscribe(signature=tx.signatures[0], commitment=Confirmed)
        await d.client.send_transaction(tx)
        note = await asyncio.wait_for(socket.recv(), 20)
        check("signature notification", note.result.value.err is None)


async def main():
    d = Driver(sys.argv[1], sys.argv[2])
    alice, bob = Keypair(), Keypair()
    await cluster(d)
    await money(d, alice, bob)
    await priority(d, alice, bob)
    mint = await tokens(d, alice, bob)
    await failures(d, alice, bob)
    await encodings(d, mint)
    await sockets(d, alice, bob)
    await d.client.close()


if __name__ == "__main__":
    asyncio.run(main())
