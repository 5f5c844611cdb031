# SPDX-License-Identifier: MIT
"""What bench_net.py measures on: places of this machine, and a private SplitUp network in them."""
import ctypes
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

READY_S = 120
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """One line for the user: what failed."""


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def last_words(path, lines=3):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return " | ".join(f.read().strip().splitlines()[-lines:]) or "it said nothing"
    except OSError:
        return "it said nothing"


class Place:
    """Where processes run: an address, and the words in front of their commands."""

    def __init__(self, address, words=()):
        self.address, self.words = address, list(words)
        self.next_port = 9000

    def port(self):
        """A free port; in a namespace of our own every port is."""
        if self.words:
            self.next_port += 2  # a ledger takes the port behind its own as well
            return self.next_port
        with socket.socket() as s:
            s.bind((self.address, 0))
            return s.getsockname()[1]


class Crew:
    """Processes that stay until close."""

    def __init__(self, folder):
        self.folder, self.member = folder, {}

    def start(self, name, place, words, env=None, **how):
        log = os.path.join(self.folder, name + ".log")
        with open(log, "ab") as err:
            how.setdefault("stdin", subprocess.DEVNULL)
            how.setdefault("stdout", err)
            p = subprocess.Popen(place.words + words, env=dict(os.environ, **(env or {})),
                                 stderr=err, preexec_fn=die_with_parent, **how)
        self.member[name] = p
        return p

    def said(self, name):
        return last_words(os.path.join(self.folder, name + ".log"))

    def alive(self):
        for name, p in self.member.items():
            if p.poll() is not None:
                raise BenchError("%s has ended: %s" % (name, self.said(name)))

    def first_line(self, name):
        """The first line of JSON in its log."""
        path, until = os.path.join(self.folder, name + ".log"), time.monotonic() + READY_S
        while time.monotonic() < until:
            with open(path, encoding="utf-8", errors="replace") as f:
                for line in f:
                    if line.startswith("{") and line.endswith("\n"):
                        return json.loads(line)
            self.alive()
            time.sleep(0.05)
        raise BenchError("%s is not ready after %d s" % (name, READY_S))

    def stop(self, name):
        p = self.member.pop(name, None)
        if p:
            p.kill()
            p.wait()
            for stream in (p.stdin, p.stdout):
                if stream:
                    stream.close()

    def processor_s(self):
        """Seconds that processors worked for them so far."""
        ticks = 0
        for p in self.member.values():
            with open("/proc/%d/stat" % p.pid, encoding="ascii") as f:
                ticks += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self):
        for name in list(self.member):
            self.stop(name)


class Links:
    """Namespaces with links of so many milliseconds between them."""

    def __init__(self, folder, source, delay_ms, count):
        program = os.path.join(folder, "link_delay")
        if not os.path.exists(program):
            made = subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", program,
                                   source], stderr=subprocess.PIPE, text=True, check=False)
            if made.returncode:
                raise BenchError("cc: " + made.stderr.strip())
        self.process = subprocess.Popen([program, "%g" % delay_ms, str(count)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split()
        if len(words) != count + 1:
            self.process.wait()
            raise BenchError(self.process.stderr.read().strip() + "; needs root")
        self.places = [Place("10.77.0.%d" % (i + 1),
                             ["nsenter", "--net=/proc/%s/fd/%s" % (words[0], fd)])
                       for i, fd in enumerate(words[1:])]

    def close(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


def measured_rtt_ms(here, there):
    """Of the time to connect between two places, the shortest of five."""
    port = there.port()
    serve = ("import socket\ns = socket.create_server((%r, %d))\nprint(flush=True)\n"
             "while True: s.accept()[0].close()" % (there.address, port))
    ask = ("import socket, time\nbest = 1e9\nfor _ in range(5):\n    t = time.monotonic()\n"
           "    socket.create_connection((%r, %d)).close()\n"
           "    best = min(best, time.monotonic() - t)\nprint(best * 1e3)" % (there.address, port))
    with subprocess.Popen(there.words + ["python3", "-c", serve], stdout=subprocess.PIPE,
                          preexec_fn=die_with_parent) as p:
        try:
            p.stdout.readline()
            return float(subprocess.run(here.words + ["python3", "-c", ask], text=True, check=True,
                                        stdout=subprocess.PIPE).stdout)
        finally:
            p.kill()


class Network:
    """A ledger, oracles and nodes, and one model deployed once per number of tasks in `tasks`,
    which every node offers. The first place holds the ledger, the oracles, the store and who asks;
    the others a node each."""

    def __init__(self, options, folder, places, model, tasks):
        self.o, self.folder, self.hub, self.spots = options, folder, places[0], places[1:]
        self.file, self.crew, self.model, self.url = model, Crew(folder), {}, None
        try:
            self.set_up(tasks)
        except BaseException:
            self.crew.close()
            raise

    def close(self):
        self.crew.close()

    # ---- commands

    def env(self, name):
        home = os.path.join(self.folder, name)
        os.makedirs(home, exist_ok=True)
        return {"SPLITUP_HOME": home, "HOME": home, "XDG_CONFIG_HOME": "",
                "VK_DRIVER_FILES": "/dev/null"}

    def command(self, name, *words, url=True):
        words = [self.o.splitup, *words] + (["--url", self.url] if url else [])
        p = subprocess.run(self.hub.words + words, env=dict(os.environ, **self.env(name)),
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, check=False, preexec_fn=die_with_parent)
        if p.returncode != 0:
            raise BenchError("splitup %s %s: %s" % (*words[1:3], p.stderr.strip()))
        return p.stdout

    def spawn(self, name, place, *words):
        self.crew.start(name, place, [self.o.splitup, *words, "--json"], self.env(name))

    def rpc(self, method, *args):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": args})
        subprocess.run(self.hub.words + ["curl", "-sS", "--max-time", "30", "-H",
                                         "Content-Type: application/json", "-d", body, self.url],
                       check=True, stdout=subprocess.DEVNULL)

    def status(self, place, port):
        text = subprocess.run(self.hub.words + ["curl", "-sS", "--max-time", "5",
                                                "http://%s:%d/api/status" % (place.address, port)],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
        try:
            return json.loads(text)
        except ValueError:
            return {}

    # ---- setting up

    def wallet(self, name, usdc):
        self.command(name, "wallet", "new")
        self.command(name, "wallet", "airdrop", "100", "--usdc", str(usdc), "--yes")

    def address(self, name, file):
        return self.command(name, "wallet", "address", "--keypair", file, url=False).strip()

    def key_file(self, name, leaf):
        return os.path.join(self.folder, name, leaf)

    def make_oracle(self, i):
        name = "oracle%d" % i
        self.wallet(name, 2000)
        self.command(name, "oracle", "init", "--endpoint", self.endpoint[name], "--yes")
        key = self.address(name, self.key_file(name, "oracle.json"))
        self.rpc("requestAirdrop", key, 10000000000)
        return key

    def make_node(self, i):
        name, owner = "node%d" % i, "owner%d" % i
        self.wallet(owner, 100000)
        self.command(name, "node", "init", url=False)
        key = self.address(name, self.key_file(name, "node.json"))
        self.rpc("requestAirdrop", key, 10000000000)
        pays = ["--keypair", self.key_file(owner, "wallet.json"), "--yes"]
        self.command(name, "node", "register", "--endpoint", self.endpoint[name], "--vram",
                     self.o.vram, "--backend", "cpu", *pays)
        self.command(owner, "stake", "deposit", "90000", "--node", key, "--yes")
        for model in self.model.values():
            self.command(name, "node", "declare", model["address"], *pays)

    def target(self, tasks):
        """The smallest memory with which the model is cut into so many tasks, or in one piece."""
        if tasks == 1:
            return 1 << 40
        low, high = 1 << 20, os.path.getsize(self.file) * 4
        while high - low > 4096:
            middle = (low + high) // 2
            try:
                plan = self.command("deployer", "plan", self.file, "--target-vram", str(middle),
                                    *self.shape, "--json", url=False)
                fits = len(json.loads(plan)["tasks"]) <= tasks
            except BenchError:  # a piece that cannot be cut is larger
                fits = False
            low, high = (low, middle) if fits else (middle, high)
        return high

    def deploy(self, tasks):
        """What is deployed draws tokens, too, which `splitup plan` leaves out: it takes more
        memory."""
        target = self.target(tasks)
        for percent in (1, 4, 8, 16, 24, 32):
            name = "bench-%d-%d" % (tasks, percent)
            self.command("deployer", "deploy", "register", self.file, "--name", name,
                         "--target-vram", str(target * (100 + percent) // 100), *self.shape,
                         "--serve-url", self.store, "--yes")
            info = json.loads(self.command("deployer", "deploy", "list", "--json"))
            found = next(m for m in info["models"] if m["name"] == name)
            if found["task_count"] == tasks:
                self.model[tasks] = {"address": found["address"]}
                return
        raise BenchError("the model cannot be cut into %d tasks" % tasks)

    def set_up(self, tasks):
        o, hub = self.o, self.hub
        self.shape = ["--ctx", str(o.ctx), "--sessions", str(max(o.sessions, 2)), "--batch", "64"]
        port = hub.port()
        self.spawn("devnet", hub, "devnet", "--bind", hub.address, "--port",
                   str(port if hub.words else 0), "--slot-ms", str(o.slot_ms))
        ready = self.crew.first_line("devnet")
        self.url = ready["url"]
        places = {"oracle%d" % (i + 1): hub for i in range(o.oracles)}
        places.update(("node%d" % (i + 1), place) for i, place in enumerate(self.spots))
        self.port = {name: place.port() for name, place in places.items()}
        self.endpoint = {name: "%s:%d" % (place.address, self.port[name])
                         for name, place in places.items()}
        store = hub.port()
        self.store = "http://%s:%d" % (hub.address, store)
        self.wallet("deployer", 1000)
        for n in tasks:
            self.deploy(n)
        self.spawn("store", hub, "store", "serve", "--dir",
                   os.path.join(self.folder, "deployer", "blobs"), "--bind", hub.address, "--port",
                   str(store))
        self.crew.first_line("store")
        with ThreadPoolExecutor(4) as pool:
            nodes = [pool.submit(self.make_node, i + 1) for i in range(len(self.spots))]
            keys = list(pool.map(self.make_oracle, range(1, o.oracles + 1)))
            for n in nodes:
                n.result()
        self.wallet("admin", 1000)
        admin = os.path.join(self.folder, "devnet", "devnet", "admin.json")
        self.rpc("requestAirdrop", self.address("admin", admin), 10000000000)
        self.command("admin", "oracle", "admit", *keys, "--alone", "--admin", admin, "--yes")
        for i in range(max(o.sessions, 2)):
            self.wallet("requestor%d" % i, 10000)
        for name, place in places.items():
            kind = name.rstrip("0123456789")
            extra = [] if kind == "oracle" else ["--backend", "cpu", "--threads", str(o.threads),
                                                 "--peer", self.store]
            self.spawn(name, place, kind, "start", "--url", self.url, "--bind", place.address,
                       *extra)
        self.await_ready()

    def await_ready(self):
        """Until every oracle has heard every node to be ready with every task."""
        until, tasks = time.monotonic() + READY_S, sum(self.model)
        waiting = ["oracle%d" % (i + 1) for i in range(self.o.oracles)]
        while waiting:
            heard = self.status(self.hub, self.port[waiting[0]]).get("nodes", [])
            ready = [n for n in heard if n["status"] == "ready" and n["tasks"] >= tasks]
            if len(ready) == len(self.spots):
                waiting.pop(0)
                continue
            self.crew.alive()
            if time.monotonic() > until:
                raise BenchError("%s does not hear all nodes ready after %d s: %s" %
                                 (waiting[0], READY_S, self.crew.said("node1")))
            time.sleep(0.1)

    # ---- using it

    def ask(self, who, tasks, prompt, tokens):
        """Starts a generation with the wallet of that number; its lines of JSON come to stdout."""
        words = [self.o.splitup, "run", self.model[tasks]["address"], "--url", self.url,
                 "--model-file", self.file, "--prompt", prompt, "--max-tokens", str(tokens),
                 "--yes", "--json"]
        return subprocess.Popen(self.hub.words + words,
                                env=dict(os.environ, **self.env("requestor%d" % who)),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
