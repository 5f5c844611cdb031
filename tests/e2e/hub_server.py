# SPDX-License-Identifier: MIT
"""A server that behaves like huggingface.co, for hub.bash.

usage: hub_server.py FOLDER LOG      serves FOLDER/REPO/FILE as /org/REPO/resolve/REV/FILE

Small files are answered at once; .gguf and .safetensors are redirected to a second port, with their
sha256 in X-Linked-Etag. The repository "private" wants the token hf_secret, "damaged" sends large
files with one bit changed, "slow" stalls in the middle of its first large file until the other side
is gone, "trickle" takes a minute for each. The first line on stdout is the port of the hub. LOG
gets one line per request: which of the two ports, path, Range header or '-', 'token' or '-'; and
'half' when "slow" stalls.
"""

import hashlib
import http.server
import os
import sys
import threading
import time

ROOT = sys.argv[1]
ALIKE = ("private", "damaged", "slow", "trickle")  # hold what "plain" holds
LOG = open(sys.argv[2], "a", buffering=1)
seen = set()
lock = threading.Lock()


def content(repo, name):
    try:
        with open(os.path.join(ROOT, "plain" if repo in ALIKE else repo, name), "rb") as f:
            return f.read()
    except OSError:
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def head(self, status, length, headers):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True

    def log_line(self, which):
        token = "token" if self.headers.get("Authorization") else "-"
        LOG.write("%s %s %s %s\n" % (which, self.path, self.headers.get("Range", "-"), token))

    def answer(self, data, etag):
        """The file, or the range of it that was asked for."""
        if self.headers.get("If-None-Match") == etag:
            return self.head(304, 0, {"ETag": etag})
        wanted = self.headers.get("Range", "")
        start, status, more = 0, 200, {"ETag": etag, "Accept-Ranges": "bytes"}
        if wanted.startswith("bytes=") and self.headers.get("If-Range", etag) == etag:
            start, status = int(wanted[6:].split("-")[0]), 206
            more["Content-Range"] = "bytes %d-%d/%d" % (start, len(data) - 1, len(data))
        self.head(status, len(data) - start, more)
        self.wfile.write(data[start:])


class Hub(Handler):
    def do_GET(self):
        self.log_line("hub")
        parts = self.path.split("/", 5)  # '', org, repo, resolve, rev, file
        repo, name = parts[2], parts[5]
        data = content(repo, name)
        if repo == "private" and self.headers.get("Authorization") != "Bearer hf_secret":
            return self.head(401, 0, {"X-Error-Message": "Invalid credentials"})
        if data is None or parts[4] not in ("main", "v2"):
            return self.head(404, 0, {})
        if not name.endswith((".gguf", ".safetensors")):
            return self.answer(data, '"%s"' % hashlib.sha1(data).hexdigest())
        self.head(302, 0, {
            "X-Linked-Etag": '"%s"' % hashlib.sha256(data).hexdigest(),
            "X-Linked-Size": str(len(data)),
            "Location": "http://127.0.0.1:%d/%s/%s" % (cdn.server_port, repo, name)})


class Cdn(Handler):
    def do_GET(self):
        self.log_line("cdn")
        _, repo, name = self.path.split("/", 2)
        data = content(repo, name)
        etag = '"cdn-%s"' % hashlib.sha1(data).hexdigest()
        if repo == "damaged":
            data = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
        with lock:
            first = repo not in seen
            seen.add(repo)
        if repo == "slow" and first:
            self.head(200, len(data), {"ETag": etag, "Accept-Ranges": "bytes"})
            self.wfile.write(data[:len(data) // 2])
            self.wfile.flush()
            LOG.write("half\n")
            time.sleep(300)
            return None
        if repo == "trickle":
            self.head(200, len(data), {"ETag": etag, "Accept-Ranges": "bytes"})
            piece = len(data) // 100 + 1
            for at in range(0, len(data), piece):
                self.wfile.write(data[at:at + piece])
                time.sleep(0.6)
            return None
        return self.answer(data, etag)


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


cdn = serve(Cdn)
hub = serve(Hub)
print(hub.server_port, flush=True)
while os.getppid() != 1:
    time.sleep(0.5)
