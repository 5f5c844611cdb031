#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Time a language model over SplitUp's network beside llama.cpp RPC and distributed-llama.

usage: bench_net.py [--quick] [--rounds N] [--tokens N] [--prompt-words N] [--threads N]
                    [--delays MS,...] [--sessions N] [--long-prompt WORDS]
                    [--model smollm2|even|FILE]
                    [--llama FOLDER|none] [--dllama PROGRAM] [--out FILE.json] [--splitup PROGRAM]

    python3 tests/bench/fetch_llama.py                     # once: builds llama.cpp, 10 minutes
    python3 tests/bench/bench_net.py --delays 5,20,80 --sessions 8 --out net.json
    python3 tests/bench/bench_net.py --model even --dllama DIR/dllama --rounds 5
    python3 tests/bench/bench_net.py --quick               # under a minute: does it all work?

What is measured. A private network, made of the program's own commands: a ledger, --oracles oracles
and a node per place. The model is deployed twice: as one task, which one node computes ("1 node"),
and cut into three tasks of equal memory, on three nodes ("3 nodes"). llama.cpp has one or three
servers and all its layers on them; distributed-llama a root alone, and with one and three workers,
as it takes powers of two only. Everybody computes on the CPU, keeps its model loaded, gets a prompt
of as many tokens and writes as many of the likeliest ones. SplitUp alone ("alone", no network) is
the program's own local run; the network's tokens must be the same, bit for bit.

Threads. --threads is for each process of SplitUp and llama.cpp, where one computes while the others
wait; processes of distributed-llama, which compute at the same time, share that number, at least
one each. The default is 1: llama.cpp's threads wait for each other by spinning, and with as many as
there are processors any other process makes it slower tens of times.

A round runs each of them once, in turn, so that what else the machine does hits all alike; figures
are medians over rounds, ratios medians of the rounds' ratios. SplitUp's idle network is there while
others run; its share of a processor is printed. "tokens/s" is of decoding: the tokens behind the
first over the time from the first to the last at the node that draws them. "first" is the time to
the first token: of SplitUp from the request, which contains the oracles' round on the chain, and
from the assignment, which does not; of the others from the prompt to the loaded model. A token's
milliseconds are told beside those that all stages compute for it and those that it is on slow
links: what is beyond them is what a network costs ("ring" in the JSON is that to the computing
alone). Then the time of each stage, prompt included: computing, waiting for the device behind
others, for inputs, for inputs or acknowledgements on their way, and the rest, which hashes, signs
and keeps.

--delays: the same over slow links, one way, between whoever asks (with ledger and oracles, or
llama.cpp's or distributed-llama's main program) and the nodes, and between nodes: each in a network
namespace of its own, joined by link_delay.c, as netem is not in every kernel. Needs root.
--sessions N: so many generations at once over three nodes beside one, each of three times --tokens:
all their tokens over the time from the first token of any to the last of any, which has their
starts in it, one after the other; and the sum of what each gets from its own first token to its last,
as the one session's figure is taken.
--long-prompt WORDS: how long a session that writes over three nodes pauses at most while a prompt of
so many words goes through the same nodes, beside its longest pause before, and beside what a chunk
of that prompt takes: a step waits for no more than the chunk that runs, on each stage.
--model: SmolLM2-135M-Instruct Q4_1 (tests/data/fetch_smollm2.py), or "even", weights made by
make_llama.py of nearly that shape: distributed-llama refuses SmolLM2's 3 heads of keys and values
on 2 nodes or 4, so it is measured on "even" only.
--llama: the folder that fetch_llama.py prints (default: that, if it is built). --dllama: a program
built from github.com/b4rtaz/distributed-llama with `make dllama`.
--out: every round and figure as JSON.

All processes and namespaces are gone when this ends, however it ends; so are its files, but after
SIGKILL, when the next run removes them. exit status: 0, or 1 when a program failed or the network's
tokens differ.
"""
import argparse
import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import fetch_llama
import make_llama
from bench_net_peers import Dllama, LlamaRpc
from bench_net_private import BenchError, Links, Network, Place, measured_rtt_ms

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TASKS = (1, 3)
STAGE = (("compute", "ms"), ("queue", "queue_ms"), ("wait", "wait_ms"), ("network", "network_ms"),
         ("other", "other_ms"))
DLLAMA_WORKERS = (0, 1, 3)
PROMPT = "The capital of France is"
FOLDER = "splitup-bench-"  # then the process
LONGER = 3  # how many times the tokens many sessions draw: they do not begin at once
BATCH = 64  # rows of a dispatch: a chunk of a prompt
CACHE = os.path.join(os.path.dirname(fetch_llama.cache_dir()), "bench-net")


# ---- one generation -----------------------------------------------------------------------------


class Answer:
    """A generation of the network: takes its output apart as it comes. Who asks is a number: of two
    requests of one wallet at a time the chain refuses one."""

    def __init__(self, network, tasks, prompt, tokens, who=0):
        self.network, self.last = network, None
        self.process = network.ask(who, tasks, prompt, tokens)
        self.errors, self.ended_at = "", None
        self.readers = [threading.Thread(target=read, daemon=True)
                        for read in (self.read, self.read_errors)]
        for r in self.readers:
            r.start()

    def read(self):
        for line in self.process.stdout:
            self.ended_at = self.ended_at or time.monotonic()  # the first line is the whole answer
            self.last = line

    def read_errors(self):
        self.errors = self.process.stderr.read()

    def stop(self):
        self.process.kill()
        self.process.wait()

    def result(self, tokens):
        for r in self.readers:
            r.join()
        status = self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        if status != 0:
            raise BenchError("splitup run: %s: %s" % (self.errors.strip(),
                                                      self.network.crew.said("node1")))
        run = json.loads(self.last)
        n = len(run["token_ids"])
        if n != tokens:
            raise BenchError("the model ended after %d tokens; ask for fewer" % n)
        return dict(run, **times(run, n, self.ended_at))


def times(run, n, ended_at):
    """When the tokens of a generation were drawn, as the node that drew them tells: they come to
    who asked in bursts."""
    drew = max(run["tasks"], key=lambda t: t.get("last_token_ms", 0))
    if "last_token_ms" not in drew:
        raise BenchError("no node told when it drew tokens")
    decode_s = (drew["last_token_ms"] - drew["first_token_ms"]) / 1e3
    compute_s = sum(t["decode_ms"] for t in run["tasks"]) / 1e3
    per_token = 1e3 / (n - 1)
    return {"token_ms": decode_s * per_token, "token_compute_ms": compute_s * per_token,
            "first_ms": run["time_to_first_token_ms"], "answer_s": n / run["tokens_per_second"],
            "assigned_ms": drew["first_token_ms"], "ring": decode_s / compute_s - 1,
            "tokens_per_second": (n - 1) / decode_s, "first_at": ended_at - decode_s,
            "last_at": ended_at}


def alone(options, model, prompt, tokens):
    p = subprocess.run([options.splitup, "run", model, "--backend", "cpu",
                        "--ctx", str(options.ctx), "--threads", str(options.threads),
                        "--prompt", prompt, "--max-tokens", str(tokens), "--json"],
                       env=dict(os.environ, VK_DRIVER_FILES="/dev/null"), stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if p.returncode != 0:
        raise BenchError("splitup run: " + p.stderr.strip())
    r = json.loads(p.stdout.splitlines()[-1])
    return dict(r, first_ms=r["time_to_first_token_ms"],
                answer_s=r["time_to_first_token_ms"] / 1e3 +
                (len(r["token_ids"]) - 1) / r["tokens_per_second"])


# ---- measuring ----------------------------------------------------------------------------------


class Bench:
    """All of one setting: loopback or a delay."""

    def __init__(self, options, folder, delay_ms, model, prompt):
        self.o, self.folder, self.delay_ms = options, folder, delay_ms
        self.model, self.prompt = model, prompt
        self.links, self.network, self.peers, self.rounds, self.spans = None, None, [], [], []
        self.reference = alone(options, model, prompt, options.tokens)
        try:
            self.open()
        except BaseException:
            self.close()
            raise

    def open(self):
        o, count = self.o, max(TASKS) + 1
        if self.delay_ms:
            self.links = Links(CACHE, os.path.join(HERE, "link_delay.c"), self.delay_ms, count)
            places = self.links.places
            self.rtt_ms = measured_rtt_ms(places[0], places[1])
        else:
            places = [Place("127.0.0.1") for _ in range(count)]
            self.rtt_ms = 0.0
        begun = time.monotonic()
        self.network = Network(o, os.path.join(self.folder, "net-%g" % self.delay_ms), places,
                               self.model, TASKS)
        self.setup_s = time.monotonic() - begun
        n = self.reference["prompt_tokens"]
        if o.llama:
            for servers in TASKS:
                self.peers.append(LlamaRpc(o, self.folder, places[:servers + 1], self.model,
                                           self.prompt, n))
        if o.dllama:
            for workers in DLLAMA_WORKERS:
                self.peers.append(Dllama(o, self.folder, places[:workers + 1], n))
        self.places = places

    def close(self):
        for p in self.peers + [self.network, self.links]:
            if p:
                p.close()

    def ours(self, tasks):
        r = Answer(self.network, tasks, self.prompt, self.o.tokens).result(self.o.tokens)
        if r["token_ids"] != self.reference["token_ids"]:
            raise BenchError("the network's tokens are not those of a run alone")
        return r

    def round(self):
        r = {}
        if not self.delay_ms:
            r["alone"] = alone(self.o, self.model, self.prompt, self.o.tokens)
        for tasks in TASKS:
            r["SplitUp, %d node%s" % (tasks, "s" if tasks > 1 else "")] = self.ours(tasks)
        idle, since = self.network.crew.processor_s(), time.monotonic()
        for p in self.peers:
            r[p.name] = p.round()
        if self.peers:
            r["idle"] = (self.network.crew.processor_s() - idle) / (time.monotonic() - since)
        self.rounds.append(r)
        print("  round %d: %s" % (len(self.rounds), ", ".join(
            "%s %.1f" % (name, x["tokens_per_second"]) for name, x in r.items() if name != "idle")),
              flush=True)

    def together(self):
        """Tokens per second over three nodes: of one session, of many at once from the first token of
        any to the last of any, and the sum of what each of them got."""
        out, tokens = [], LONGER * self.o.tokens
        want = alone(self.o, self.model, self.prompt, tokens)["token_ids"]
        for n in (1, self.o.sessions):
            asked = [Answer(self.network, 3, self.prompt, tokens, i) for i in range(n)]
            try:
                done = [a.result(tokens) for a in asked]
            finally:
                for a in asked:
                    a.stop()
            if any(d["token_ids"] != want for d in done):
                raise BenchError("the tokens of one of %d sessions are others" % n)
            begun = min(d["first_at"] for d in done)
            span = max(d["last_at"] for d in done) - begun
            out.append(n * (tokens - 1) / span)
            summed = sum(d["tokens_per_second"] for d in done)
            self.spans.append([[round(d[at] - begun, 3) for at in ("first_at", "last_at")]
                               for d in done])
        return out + [summed]

    def llama_together(self):
        out = []
        for n in (1, self.o.sessions):
            peer = LlamaRpc(self.o, self.folder, self.places, self.model, self.prompt,
                            self.reference["prompt_tokens"], n)
            try:
                out.append(peer.round()["tokens_per_second"])
            finally:
                peer.close()
        return out


# ---- a long prompt beside a session that writes --------------------------------------------------


class Steps(threading.Thread):
    """Watches how far each execution is at the node that draws its tokens: asks as often as it
    answers, which resolves about 2 ms."""

    def __init__(self, network, task):
        super().__init__(daemon=True)
        self.network, self.task, self.seen, self.over = network, task, {}, False

    def look(self, connection):
        connection.request("GET", "/api/status")
        status = json.loads(connection.getresponse().read())
        now = time.monotonic()
        for x in status["executions"]:
            if x["task"] == self.task:
                at = self.seen.setdefault(x["execution"], [(now, 0)])
                if x["steps"] != at[-1][1]:
                    at.append((now, x["steps"]))

    def run(self):
        nodes = [http.client.HTTPConnection(place.address, self.network.port["node%d" % (i + 1)])
                 for i, place in enumerate(self.network.spots)]
        while not self.over:
            for connection in nodes:
                self.look(connection)
            time.sleep(0.001)
        for connection in nodes:
            connection.close()

    def longest_ms(self, execution, since, until):
        """The longest time without a step of it, and the median."""
        at = [t for t, _ in self.seen[execution] if since <= t <= until]
        pauses = [1e3 * (b - a) for a, b in zip(at, at[1:])]
        if len(pauses) < 8:
            raise BenchError("too few tokens beside the long prompt; ask for fewer words")
        return max(pauses), statistics.median(pauses)


def await_steps(watch, known, steps):
    """The execution that is not known yet, when it is so far."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for execution, at in list(watch.seen.items()):
            if execution not in known and at[-1][1] >= steps:
                return execution
        time.sleep(0.005)
    raise BenchError("a generation does not begin")


def end_answer(process):
    """Has a generation stopped, so that the next round has the nodes to itself."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def beside_long_prompt(bench):
    o, network = bench.o, bench.network
    words = find_words(o.long_prompt)
    watch = Steps(network, max(TASKS) - 1)
    watch.start()
    asked = []
    try:
        time.sleep(0.2)
        known = set(watch.seen)
        asked.append(network.ask(0, 3, bench.prompt, o.ctx - 256))
        writes = await_steps(watch, known, bench.reference["prompt_tokens"] + 16)
        quiet_since = time.monotonic()
        time.sleep(1.0)
        begun = time.monotonic()
        asked.append(network.ask(1, 3, words, 2))
        out, _ = asked[1].communicate()
        ended = time.monotonic()
    finally:
        watch.over = True
        for p in asked:
            end_answer(p)
        watch.join()
    run = json.loads(out.splitlines()[-1])
    chunks = -(-run["prompt_tokens"] // BATCH)
    chunk_ms = [(t["ms"] - t["decode_ms"]) / chunks for t in run["tasks"]]
    before, usual = watch.longest_ms(writes, quiet_since, begun)
    beside, median_ms = watch.longest_ms(writes, begun, ended)
    print("  a prompt of %d tokens beside a session that writes: the longest pause between its tokens "
          "%.0f ms (median %.1f), %.0f before (%.1f); a chunk takes %.0f ms on the slowest stage, "
          "%.0f on all" % (run["prompt_tokens"], beside, median_ms, before, usual, max(chunk_ms),
                           sum(chunk_ms)))
    return {"prompt_tokens": run["prompt_tokens"], "longest_ms": beside, "median_ms": median_ms,
            "longest_before_ms": before, "median_before_ms": usual, "chunk_ms": chunk_ms}


# ---- telling ------------------------------------------------------------------------------------


def median(rounds, name, what):
    return statistics.median(r[name][what] for r in rounds)


def ratio(rounds, above, below, what):
    return statistics.median(r[above][what] / r[below][what] for r in rounds)


def stage_shares(rounds, name):
    """Per stage the median milliseconds of each thing that it spends time on."""
    count = len(rounds[0][name]["tasks"])
    return [{word: statistics.median(r[name]["tasks"][i].get(what) or 0 for r in rounds)
             for word, what in STAGE} for i in range(count)]


def tell(bench):
    """Prints the figures of a setting; returns them."""
    rounds, ours = bench.rounds, "SplitUp, 3 nodes"
    names = [n for n in rounds[0] if n != "idle"]
    figures = {"delay_ms": bench.delay_ms, "rtt_ms": bench.rtt_ms, "setup_s": bench.setup_s,
               "programs": {}}
    print("  %-34s %9s %10s %10s   %s" % ("", "tokens/s", "first ms", "answer s",
                                          "SplitUp's 3 nodes / it"))
    for n in names:
        f = {what: median(rounds, n, what)
             for what in ("tokens_per_second", "first_ms", "answer_s")}
        f["ours_to_it"] = ratio(rounds, ours, n, "tokens_per_second")
        figures["programs"][n] = f
        print("  %-34s %9.1f %10.0f %10.2f   %.2f" % (n, f["tokens_per_second"], f["first_ms"],
                                                     f["answer_s"], f["ours_to_it"]))
    for n in names:
        if not n.startswith("SplitUp"):
            continue
        f = figures["programs"][n]
        for what in ("assigned_ms", "ring", "token_ms", "token_compute_ms"):
            f[what] = median(rounds, n, what)
        stages = len(rounds[0][n]["tasks"])
        f["token_links_ms"] = stages * bench.delay_ms if stages > 1 else 0.0
        print("  %s: first token %.0f ms after the assignment, then one in %.2f ms, %.1f %% more "
              "than the %.2f ms of computing and %.0f ms of links" %
              (n, f["assigned_ms"], f["token_ms"],
               100 * (f["token_ms"] / (f["token_compute_ms"] + f["token_links_ms"]) - 1),
               f["token_compute_ms"], f["token_links_ms"]))
        f["stages"] = stage_shares(rounds, n)
        for i, s in enumerate(f["stages"]):
            print("  %s: stage %d: %s" % (n, i, ", ".join("%s %.0f ms" % x for x in s.items())))
    if any("idle" in r for r in rounds):
        figures["idle"] = statistics.median(r["idle"] for r in rounds)
        print("  SplitUp's idle network took %.0f %% of a processor while others were measured" %
              (100 * figures["idle"]))
    return figures


def tell_together(options, rows, peer_rows):
    f = {"ours": rows, "ratio": statistics.median(b / a for a, b, _ in rows),
         "summed_ratio": statistics.median(c / a for a, _, c in rows)}
    print("  %d sessions at once over 3 nodes: %.1f tokens/s together, %.2f times one session's; "
          "%.1f while they write, %.2f times" %
          (options.sessions, statistics.median(b for _, b, _ in rows), f["ratio"],
           statistics.median(c for _, _, c in rows), f["summed_ratio"]))
    if peer_rows:
        f["llama"] = peer_rows
        print("  the same of llama.cpp RPC, 3 servers: %.1f, %.2f times" %
              (statistics.median(b for _, b in peer_rows),
               statistics.median(b / a for a, b in peer_rows)))
    return f


# ---- options ------------------------------------------------------------------------------------


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--splitup", default=os.path.join(ROOT, "build", "splitup"))
    p.add_argument("--long-prompt", type=int, default=0, metavar="WORDS")
    p.add_argument("--model", default="smollm2")
    p.add_argument("--prompt-words", type=int, default=64, help="0: a short prompt")
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--delays", default="")
    p.add_argument("--only-delays", action="store_true", help="leave out loopback")
    p.add_argument("--sessions", type=int, default=1)
    p.add_argument("--llama", default="")
    p.add_argument("--dllama")
    p.add_argument("--oracles", type=int, default=3)
    p.add_argument("--slot-ms", type=int, default=50)
    p.add_argument("--vram", default="4GB")
    p.add_argument("--ctx", type=int, default=512)
    p.add_argument("--quick", action="store_true", help="2 rounds of 16 tokens on loopback")
    p.add_argument("--out")
    o = p.parse_args()
    if o.quick:
        o.rounds, o.tokens, o.prompt_words = 2, 16, 0
    try:
        o.delays = [float(d) for d in o.delays.split(",") if d]
    except ValueError:
        p.error("--delays takes milliseconds such as 5,20,80")
    if o.rounds < 1 or o.tokens < 2 or o.threads < 1 or o.sessions < 1 or min([0, *o.delays]) < 0:
        p.error("a number is out of range")
    if o.long_prompt:
        o.ctx = max(o.ctx, 2 * o.long_prompt + 256)
    if o.llama == "none":
        o.llama = None
    elif not o.llama:
        o.llama = fetch_llama.cached()
        if not o.llama:
            print("bench_net: without llama.cpp: tests/bench/fetch_llama.py builds it",
                  file=sys.stderr)
    if o.dllama and o.model != "even":
        p.error("--dllama needs --model even: it refuses SmolLM2's 3 heads on 2 and 4 nodes")
    return o


def find_model(o):
    if o.model not in ("smollm2", "even"):
        return o.model
    fetch = os.path.join(ROOT, "tests", "data", "fetch_smollm2.py")
    folder = subprocess.run([sys.executable, fetch], stdout=subprocess.PIPE, check=True,
                            text=True).stdout.strip()
    smollm2 = os.path.join(folder, "SmolLM2-135M-Instruct.Q4_1.gguf")
    if o.model == "smollm2":
        return smollm2
    gguf, o.dllama_model, o.dllama_tokenizer = make_llama.make(smollm2, CACHE)
    return gguf


def find_prompt(o):
    if o.prompt_words == 0:
        return PROMPT
    return find_words(o.prompt_words)


def find_words(n):
    with open(os.path.join(ROOT, "tests", "data", "pride.txt"), encoding="utf-8") as f:
        return " ".join(f.read().split()[:n])


def measure(o, folder, model, prompt):
    out = {"model": os.path.basename(model), "tokens": o.tokens, "threads": o.threads,
           "processors": os.cpu_count(), "oracles": o.oracles, "load": os.getloadavg()[0],
           "settings": []}
    if out["load"] > (os.cpu_count() or 1):
        print("bench_net: load average %.1f: others work here, and no figure is to be trusted" %
              out["load"], file=sys.stderr)
    for delay in ([] if o.only_delays else [0.0]) + o.delays:
        bench = Bench(o, folder, delay, model, prompt)
        try:
            out["prompt_tokens"] = bench.reference["prompt_tokens"]
            print("%s, %d + %d tokens, %d threads, %s" %
                  (out["model"], out["prompt_tokens"], o.tokens, o.threads,
                   "loopback" if not delay else "links of %g ms (round trip %.1f ms measured)" %
                   (delay, bench.rtt_ms)), flush=True)
            for _ in range(o.rounds):
                bench.round()
            figures = tell(bench)
            if o.sessions > 1 and not delay:
                rows = [bench.together() for _ in range(o.rounds)]
                peers = [bench.llama_together() for _ in range(o.rounds)] if o.llama else None
                figures["together"] = tell_together(o, rows, peers)
            if o.long_prompt and not delay:
                figures["long_prompt"] = [beside_long_prompt(bench) for _ in range(o.rounds)]
            figures["spans"] = bench.spans  # of each session, seconds: first token, last token
            figures["rounds"] = [plain(r) for r in bench.rounds]
            out["settings"].append(figures)
        finally:
            bench.close()
    return out


def plain(r):
    """A round without what takes space and says nothing about time."""
    leave = ("text", "token_ids", "samples", "input_sha256")
    return {name: {k: v for k, v in x.items() if k not in leave} if isinstance(x, dict) else x
            for name, x in r.items()}


def remove_stale():
    """Folders of runs that were killed."""
    base = tempfile.gettempdir()
    for name in os.listdir(base):
        pid = name[len(FOLDER):].split("-")[0]
        if name.startswith(FOLDER) and pid.isdigit() and not os.path.exists("/proc/" + pid):
            shutil.rmtree(os.path.join(base, name), ignore_errors=True)


def main():
    o = arguments()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    os.makedirs(CACHE, exist_ok=True)
    remove_stale()
    folder = tempfile.mkdtemp(prefix="%s%d-" % (FOLDER, os.getpid()))
    try:
        out = measure(o, folder, find_model(o), find_prompt(o))
        if o.out:
            with open(o.out, "w", encoding="utf-8") as f:
                json.dump(out, f, indent=1)
                f.write("\n")
    except (BenchError, OSError, subprocess.SubprocessError) as e:
        sys.exit("bench_net: %s" % e)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
