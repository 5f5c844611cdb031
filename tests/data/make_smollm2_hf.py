#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Put SmolLM2 as a published folder (config.json, shards, tokenizer.json) into the test cache and
print the directory that holds it.

usage: make_smollm2_hf.py

Needs the packages gguf and numpy: they are installed with pip into a virtual environment in the
cache when this interpreter lacks them. The file that fetch_smollm2.py fetches is decoded to F16, q
and k are put back into the order of halves, and the tensors go into three shards under the names of
the transformers library. The directory is smollm2-hf beside that of fetch_smollm2.py, 270 MB; it
appears by rename, and when it is there nothing is done.

stdout: the directory, one line. exit status: 0, or 1 on failure.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

PACKAGES = ("gguf==0.19.0", "numpy")
NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
         "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
         "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
         "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
SHARDS = 3


def source():
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run([sys.executable, os.path.join(here, "fetch_smollm2.py")],
                          stdout=subprocess.PIPE, check=True)
    folder = done.stdout.decode().strip()
    return os.path.join(folder, "SmolLM2-135M-Instruct.Q4_1.gguf")


def with_packages(base):
    """Runs this script again where gguf can be imported."""
    try:
        import gguf  # noqa: F401
        return
    except ImportError:
        pass
    if os.environ.get("MAKE_SMOLLM2_HF"):
        raise SystemExit("make_smollm2_hf: gguf is installed, but cannot be imported")
    env = os.path.join(base, "gguf-env")
    python = os.path.join(env, "bin", "python")
    if not os.path.exists(os.path.join(env, "complete")):
        shutil.rmtree(env, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", env], check=True, stdout=sys.stderr)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        *PACKAGES], check=True, stdout=sys.stderr)
        open(os.path.join(env, "complete"), "w").close()
    os.environ["MAKE_SMOLLM2_HF"] = "again"
    os.execv(python, [python, os.path.abspath(__file__)])


def hf_name(name):
    parts = name.split(".")
    if parts[0] == "blk":
        return "model.layers.%s.%s.%s" % (parts[1], NAMES[parts[2]], parts[3])
    return "%s.%s" % (NAMES[parts[0]], parts[1])


def field(reader, key):
    return reader.fields[key].contents()


def shard(path, tensors):
    header, at = {}, 0
    for name, x in tensors:
        header[name] = {"dtype": "F16", "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        at += x.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, x in tensors:
            f.write(x.tobytes())


def tokenizer(reader):
    tokens = field(reader, "tokenizer.ggml.tokens")
    types = field(reader, "tokenizer.ggml.token_type")
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
        "added_tokens": [{"id": i, "content": t, "special": True, "lstrip": False, "rstrip": False,
                          "single_word": False, "normalized": False}
                         for i, t in enumerate(tokens) if types[i] == 3],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": True}]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "vocab": {
            t: i for i, t in enumerate(tokens)}, "merges": field(reader, "tokenizer.ggml.merges")},
    }


def make(path, out):
    import gguf
    import numpy as np
    reader = gguf.GGUFReader(path)
    get = lambda key: field(reader, "llama." + key)  # noqa: E731
    heads = {"attn_q": get("attention.head_count"), "attn_k": get("attention.head_count_kv")}
    tensors = []
    for t in reader.tensors:
        x = gguf.quants.dequantize(t.data, t.tensor_type)
        x = x.reshape([int(d) for d in reversed(t.shape)])
        part = t.name.split(".")[2] if t.name.startswith("blk.") else ""
        if part in heads:  # neighbours back to halves
            n = heads[part]
            x = x.reshape(n, x.shape[0] // n // 2, 2, x.shape[1]).swapaxes(1, 2).reshape(x.shape)
        tensors.append((hf_name(t.name), np.ascontiguousarray(x, dtype="<f2")))
    index = {"metadata": {"total_size": sum(x.nbytes for _, x in tensors)}, "weight_map": {}}
    for i in range(SHARDS):
        name = "model-%05d-of-%05d.safetensors" % (i + 1, SHARDS)
        mine = tensors[i::SHARDS]
        shard(os.path.join(out, name), mine)
        index["weight_map"].update((n, name) for n, _ in mine)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": get("embedding_length"), "intermediate_size": get("feed_forward_length"),
        "max_position_embeddings": get("context_length"),
        "num_attention_heads": heads["attn_q"], "num_key_value_heads": heads["attn_k"],
        "num_hidden_layers": get("block_count"),
        "rms_norm_eps": float(get("attention.layer_norm_rms_epsilon")),
        "rope_theta": float(get("rope.freq_base")), "tie_word_embeddings": True,
        "torch_dtype": "float16", "vocab_size": tensors[0][1].shape[0]}
    for name, x in tensors:
        if name == "model.embed_tokens.weight":
            config["vocab_size"] = x.shape[0]
    tokens = field(reader, "tokenizer.ggml.tokens")
    eos = int(field(reader, "tokenizer.ggml.eos_token_id"))
    bos = int(field(reader, "tokenizer.ggml.bos_token_id"))
    documents = {
        "model.safetensors.index.json": index, "config.json": config,
        "tokenizer.json": tokenizer(reader),
        "generation_config.json": {"bos_token_id": bos, "eos_token_id": [eos, 0]},
        "tokenizer_config.json": {"bos_token": tokens[bos], "eos_token": tokens[eos],
                                  "chat_template": field(reader, "tokenizer.chat_template")}}
    for name, document in documents.items():
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            json.dump(document, f, ensure_ascii=False)


def main():
    if len(sys.argv) > 1:
        print(__doc__.strip())
        return 0 if sys.argv[1] in ("-h", "--help") else 1
    path = source()
    base = os.path.dirname(os.path.dirname(path))
    out = os.path.join(base, "smollm2-hf")
    if not os.path.exists(os.path.join(out, "config.json")):
        with_packages(base)
        tmp = tempfile.mkdtemp(prefix=".smollm2-hf-", dir=base)
        try:
            make(path, tmp)
            os.rename(tmp, out)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
