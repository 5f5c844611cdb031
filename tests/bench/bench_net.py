#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Time a language model over a demo network of three nodes on loopback beside the same run alone.

usage: bench_net.py [--splitup PROGRAM] [--tokens N] [--rounds N]

A round is the program alone, then a demo network; rounds alternate and each ratio is the median of
the rounds' ratios. Everybody computes on the CPU. Tokens come to the one who asks in bursts, so
what is compared is the whole answer: its tokens over the time alone, and over the time from
assignment until the asker had them all, which contains the start of the stages and the asker's
polling. Per stage: milliseconds of computing, of waiting for inputs and until outputs were taken,
in all of the last round. The model is SmolLM2-135M-Instruct Q4_1.

exit status: 0, or 1 when a program failed or the tokens differ.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROMPT = "The capital of France is"


def run(words):
    env = dict(os.environ, VK_DRIVER_FILES="/dev/null")
    out = subprocess.run(words, env=env, stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--splitup", default=os.path.join(ROOT, "build", "splitup"))
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    fetch = os.path.join(ROOT, "tests", "data", "fetch_smollm2.py")
    folder = subprocess.run([sys.executable, fetch], stdout=subprocess.PIPE, check=True,
                            text=True).stdout.strip()
    model = os.path.join(folder, "SmolLM2-135M-Instruct.Q4_1.gguf")
    ask = ["--prompt", PROMPT, "--max-tokens", str(a.tokens), "--json"]
    speed, first = [], []
    for _ in range(a.rounds):
        alone = run([a.splitup, "run", model, "--backend", "cpu", "--ctx", "256"] + ask)
        net = run([a.splitup, "demo", "--model", model, "--once"] + ask)
        if alone["token_ids"] != net["token_ids"]:
            sys.exit("bench_net: the network's tokens are others")
        n = len(alone["token_ids"])
        here = alone["time_to_first_token_ms"] / 1e3 + (n - 1) / alone["tokens_per_second"]
        there = net["seconds"]["provisional"] - net["seconds"]["assigned"]
        speed.append(here / there)
        first.append(net["time_to_first_token_ms"] / alone["time_to_first_token_ms"])
        print(f'{n} tokens: alone {here:.2f} s, '
              f'first after {alone["time_to_first_token_ms"]:.0f} ms;'
              f' network {there:.2f} s, {net["time_to_first_token_ms"]:.0f} ms after the request',
              flush=True)
    print(f"network / alone: tokens/s of the answer {statistics.median(speed):.3f}, "
          f"time to first token {statistics.median(first):.2f}")
    for t in net["tasks"]:
        print(f'task {t["index"]} at {t["node"][:8]}: compute {t["ms"]:.0f} ms, '
              f'wait {t["wait_ms"]:.0f}, network {t["network_ms"]:.0f}')


if __name__ == "__main__":
    main()
