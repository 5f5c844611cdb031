# SPDX-License-Identifier: MIT
"""The programs that bench_net.py measures beside SplitUp, as processes of their own."""
import json
import os
import pty
import re
import select
import subprocess
import time

from bench_net_private import BenchError, Crew, die_with_parent

ROUND_S = 300
START_S = 0.3  # until a server without any sign of being ready listens


class LlamaRpc:
    """llama.cpp's RPC servers, one a place, and a program that has all layers on them."""

    def __init__(self, options, folder, places, model, prompt, prompt_tokens, sessions=1):
        hub, spots = places[0], places[1:]
        self.crew = Crew(folder)
        self.name = "llama.cpp RPC, %d server%s" % (len(spots), "s" if len(spots) > 1 else "")
        self.sessions, self.tokens = sessions, options.tokens
        try:
            ends = []
            for i, place in enumerate(spots):
                port = place.port()
                ends.append("%s:%d" % (place.address, port))
                self.crew.start("rpc-server%d-%d" % (len(spots), i), place,
                                [os.path.join(options.llama, "rpc-server"), "-H", place.address,
                                 "-p", str(port), "-t", str(options.threads)])
            time.sleep(START_S)
            self.crew.alive()
            self.main = self.crew.start(
                "llama_rpc%d-%d" % (len(spots), sessions), hub,
                [os.path.join(options.llama, "llama_rpc"), model, str(prompt_tokens), prompt,
                 str(options.tokens), str(options.threads), str(sessions), *ends],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.line()
        except BaseException:
            self.crew.close()
            raise

    def line(self):
        ready, _, _ = select.select([self.main.stdout], [], [], ROUND_S)
        line = self.main.stdout.readline() if ready else ""
        if not line:
            self.main.kill()
            self.main.wait()
            name = next(n for n, p in self.crew.member.items() if p is self.main)
            raise BenchError("%s: %s" % (self.name, self.crew.said(name)))
        return json.loads(line)

    def round(self):
        self.main.stdin.write("\n")
        self.main.stdin.flush()
        r = self.line()
        return {"tokens_per_second": (self.tokens - 1) * self.sessions / r["decode_s"],
                "first_ms": r["first_s"] * 1e3,
                "answer_s": r["first_s"] + r["decode_s"]}

    def close(self):
        self.crew.close()


class Dllama:
    """distributed-llama: a root at the first place and a worker at each of the others. Each round
    starts the root anew, which loads the weights and hands them out; timed is what comes behind
    that, by when its lines appear."""

    def __init__(self, options, folder, places, prompt_tokens):
        hub, spots = places[0], places[1:]
        self.crew = Crew(folder)
        self.name = "distributed-llama, %d process%s" % (len(places),
                                                         "es" if len(places) > 1 else "")
        self.hub, self.tokens, self.prompt = hub, options.tokens, "a" * prompt_tokens
        # Its processes compute at the same time, those of a pipeline in turn.
        threads = str(max(1, options.threads // len(places)))
        self.words = [options.dllama, "inference", "--model", options.dllama_model, "--tokenizer",
                      options.dllama_tokenizer, "--buffer-float-type", "q80", "--temperature", "0",
                      "--max-seq-len", str(options.ctx), "--nthreads", threads, "--prompt",
                      self.prompt, "--steps", str(prompt_tokens + options.tokens - 1)]
        try:
            ends = []
            for i, place in enumerate(spots):
                port = place.port()
                ends.append("%s:%d" % (place.address, port))
                self.crew.start("dllama%d-%d" % (len(places), i), place,
                                [options.dllama, "worker", "--host", place.address, "--port",
                                 str(port), "--nthreads", threads])
            time.sleep(START_S)
            self.crew.alive()
        except BaseException:
            self.crew.close()
            raise
        if ends:
            self.words += ["--workers", *ends]

    def lines(self):
        """(time, line) as they come; on a terminal, so that it writes them when they are said."""
        ours, its = pty.openpty()
        p = subprocess.Popen(self.hub.words + self.words, stdin=subprocess.DEVNULL, stdout=its,
                             stderr=its, preexec_fn=die_with_parent)
        os.close(its)
        until, rest = time.monotonic() + ROUND_S, b""
        try:
            while True:
                ready, _, _ = select.select([ours], [], [], max(0, until - time.monotonic()))
                if not ready:
                    raise BenchError("%s: nothing after %d s" % (self.name, ROUND_S))
                try:
                    data = os.read(ours, 1 << 16)
                except OSError:  # how the end of a terminal is told
                    data = b""
                if not data:
                    break
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    yield time.monotonic(), line.decode("utf-8", "replace").strip()
        finally:
            os.close(ours)
            p.kill()
            p.wait()

    def round(self):
        begun, drawn, last = None, [], ""
        for at, line in self.lines():
            last = line or last
            if line == self.prompt:
                begun = at
            if re.search(r"Pred *\d+ ms", line):
                drawn.append(at)
        if begun is None or len(drawn) != self.tokens:
            raise BenchError("%s: %d of %d tokens: %s" % (self.name, len(drawn), self.tokens, last))
        return {"tokens_per_second": (self.tokens - 1) / (drawn[-1] - drawn[0]),
                "first_ms": (drawn[0] - begun) * 1e3,
                "answer_s": drawn[-1] - begun}

    def close(self):
        self.crew.close()
