# SPDX-License-Identifier: MIT
"""A web server that cuts, stalls and lies, for http.sh.

usage: http_server.py FILE LOG      serves FILE at several paths on a free loopback port

The first line on stdout is the port. LOG gets one line per request: path, Range header or '-', and
'half' once a path that stalls has sent its half.
"""

import http.server
import os
import sys
import threading
import time

DATA = open(sys.argv[1], "rb").read()
LOG = open(sys.argv[2], "a", buffering=1)
TAG = '"v1"'
seen = {}
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def head(self, status, length, **more):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", TAG)
        self.send_header("Connection", "close")
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.close_connection = True

    def do_GET(self):
        path = self.path
        ranged = self.headers.get("Range")
        with lock:
            turn = seen[path] = seen.get(path, 0) + 1
        LOG.write(f"{path} {ranged or '-'}\n")
        begin = int(ranged.split("=")[1].split("-")[0]) if ranged else 0
        left = DATA[begin:]
        if path in ("/missing", "/forbidden", "/broken"):
            self.head({"/missing": 404, "/forbidden": 403, "/broken": 500}[path], 0)
        elif path == "/loop":
            self.head(302, 0, Location="/loop")
        elif path == "/huge":
            self.head(200, 1 << 60)
            self.wfile.write(DATA)
        elif path == "/short":  # promises more than it ever sends, and has no range to continue
            self.head(200, len(DATA) + 1000)
            self.wfile.write(DATA)
        elif path == "/wrong-range" and ranged:
            self.head(206, len(left), Content_Range=f"bytes 0-{len(left) - 1}/{len(DATA)}")
            self.wfile.write(left)
        elif self.headers.get("If-None-Match") == TAG:
            self.head(304, 0)
        else:
            if ranged:
                last = len(DATA) - 1
                self.head(206, len(left), Content_Range=f"bytes {begin}-{last}/{len(DATA)}")
            else:
                self.head(200, len(left))
            self.body(path, turn, left)

    def body(self, path, turn, left):
        if path in ("/cut", "/wrong-range") and turn <= 2:
            self.wfile.write(left[: len(DATA) // 3])
        elif path in ("/stall", "/stall-again") and turn == 1:
            self.wfile.write(left[: len(DATA) // 2])
            self.wfile.flush()
            LOG.write("half\n")
            time.sleep(300)
        else:
            self.wfile.write(left)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass  # clients are killed on purpose


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
