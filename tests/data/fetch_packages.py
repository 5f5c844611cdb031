#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Install the packages that a test's lock file pins into the test cache and print their directory.

usage: fetch_packages.py FOLDER

FOLDER holds either package.json and package-lock.json (npm packages; the printed directory holds
node_modules/) or requirements.txt with a hash per package (PyPI packages for this python3; the
printed directory goes into PYTHONPATH). It lies under
${SPLITUP_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/splitup-test}/packages and is named after the
digest of the lock file, so a changed lock is a new directory and an old one needs no network.

Packages are checked against the hashes of the lock file when they are installed; their install
scripts do not run. The directory appears by rename: a reader never sees half of it, and concurrent
runs are harmless.

stdout: the directory, one line. stderr: errors. exit status: 0, or 1 on failure.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile

import fetching
from fetching import FetchError


def digest_of(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:16]


def read(path):
    with open(path, "rb") as f:
        return f.read()


def run(command, cwd):
    """The installer's own words are the best explanation of a failure, so they are shown then."""
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
    except OSError as error:
        raise FetchError("cannot run %s (%s); ./dev deps installs it" %
                         (command[0], error.strerror)) from error
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise FetchError("%s failed; check the network and run again" % " ".join(command[:4]))


def install_npm(folder, into):
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(folder, name), into)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], into)


def install_pip(folder, into):
    run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-input", "--require-hashes", "--only-binary=:all:", "--target", into,
         "-r", os.path.join(folder, "requirements.txt")], into)


def plan(folder):
    """(name of the directory, installer)."""
    stem = os.path.basename(folder)
    lock = os.path.join(folder, "package-lock.json")
    if os.path.exists(lock):
        machine = platform.machine().encode()
        return "%s-npm-%s" % (stem, digest_of(read(lock), machine)), install_npm
    lock = os.path.join(folder, "requirements.txt")
    if os.path.exists(lock):
        abi = sys.implementation.cache_tag.encode()
        machine = platform.machine().encode()
        return "%s-pip-%s" % (stem, digest_of(read(lock), abi, machine)), install_pip
    raise FetchError("%s holds neither package-lock.json nor requirements.txt" % folder)


def fetch(folder):
    name, install = plan(folder)
    base = fetching.cache_dir("packages")
    there = os.path.join(base, name)
    if os.path.isdir(there):
        return there
    os.makedirs(base, exist_ok=True)
    tmp = tempfile.mkdtemp(prefix=name + ".", dir=base)
    try:
        install(folder, tmp)
        os.chmod(tmp, 0o755)
        try:
            os.rename(tmp, there)
        except OSError:
            if not os.path.isdir(there):  # else another run was faster
                raise
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    return there


def main(argv):
    if len(argv) != 2:
        sys.stderr.write("usage: fetch_packages.py FOLDER\n")
        return 1
    try:
        print(fetch(os.path.abspath(argv[1])))
    except (FetchError, OSError) as error:
        sys.stderr.write("fetch_packages.py: %s\n" % error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
