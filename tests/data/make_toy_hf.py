#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write a small random language model as a folder like those that are published.

usage: make_toy_hf.py FOLDER [llama|qwen3_moe] [SHARDS]

Standard library only. Tensors are BF16 from a fixed generator, so that equal arguments give equal
bytes and the number of shards changes nothing but the files; SHARDS 0 (default) writes
model.safetensors.
"""

import json
import os
import random
import struct
import sys

HIDDEN, HEADS, KV, DIM, FFN, LAYERS, EXPERTS, EXPERT_FFN = 256, 4, 2, 64, 512, 4, 4, 128


def vocabulary():
    """Bytes in GPT-2's spelling, some merges, two special tokens."""
    plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255]
    spelled, n = {}, 0
    for b in range(256):
        spelled[b] = chr(b) if b in plain else chr(256 + n)
        n += b not in plain
    tokens = [spelled[b] for b in range(256)]
    merges = []
    for left, right in ("th", "he", "in", "er", "an", "on", "re", "at", "nd", "st"):
        merges.append("%s %s" % (left, right))
        tokens.append(left + right)
    return tokens, merges


def tensor_list(moe, vocab):
    yield "model.embed_tokens.weight", (vocab, HIDDEN)
    for i in range(LAYERS):
        at = "model.layers.%d." % i
        yield at + "input_layernorm.weight", (HIDDEN,)
        yield at + "post_attention_layernorm.weight", (HIDDEN,)
        yield at + "self_attn.q_proj.weight", (HEADS * DIM, HIDDEN)
        yield at + "self_attn.k_proj.weight", (KV * DIM, HIDDEN)
        yield at + "self_attn.v_proj.weight", (KV * DIM, HIDDEN)
        yield at + "self_attn.o_proj.weight", (HIDDEN, HEADS * DIM)
        if moe:
            yield at + "self_attn.q_norm.weight", (DIM,)
            yield at + "self_attn.k_norm.weight", (DIM,)
            yield at + "mlp.gate.weight", (EXPERTS, HIDDEN)
        for e in range(EXPERTS if moe else 1):
            mid = "mlp.experts.%d." % e if moe else "mlp."
            ffn = EXPERT_FFN if moe else FFN
            yield at + mid + "gate_proj.weight", (ffn, HIDDEN)
            yield at + mid + "up_proj.weight", (ffn, HIDDEN)
            yield at + mid + "down_proj.weight", (HIDDEN, ffn)
    yield "model.norm.weight", (HIDDEN,)
    yield "lm_head.weight", (vocab, HIDDEN)


def tensor_bytes(rng, name, shape):
    n = shape[0] * (shape[1] if len(shape) > 1 else 1)
    # Halves of BF16 with exponents 2^-5 to 2^-3, of either sign; norms from 0.5 to 2.
    low, high, signs = (0x3f00, 0x3fff, 0) if "norm" in name else (0x3d00, 0x3dff, 0x8000)
    words = [low + x % (high - low) | (x >> 15 & 1) * signs for x in
             struct.unpack("<%dH" % n, rng.randbytes(2 * n))]
    return struct.pack("<%dH" % n, *words)


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, shape, data in tensors:
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(d for _, _, d in tensors))


def main():
    out = sys.argv[1]
    kind = sys.argv[2] if len(sys.argv) > 2 else "llama"
    shards = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    tokens, merges = vocabulary()
    vocab, rng = len(tokens) + 2, random.Random(7)
    tensors = [(n, s, tensor_bytes(rng, n, s)) for n, s in tensor_list(kind != "llama", vocab)]
    special = [{"id": len(tokens) + i, "content": t, "special": True}
               for i, t in enumerate(("<|begin|>", "<|end|>"))]
    documents = {
        "config.json": {
            "model_type": kind, "num_hidden_layers": LAYERS, "hidden_size": HIDDEN,
            "num_attention_heads": HEADS, "num_key_value_heads": KV, "head_dim": DIM,
            "intermediate_size": FFN, "vocab_size": vocab, "max_position_embeddings": 512,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": False,
            "num_experts": EXPERTS, "num_experts_per_tok": 2, "moe_intermediate_size": EXPERT_FFN,
            "norm_topk_prob": True, "torch_dtype": "bfloat16"},
        "tokenizer.json": {
            "added_tokens": special,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
            "model": {"type": "BPE", "vocab": {t: i for i, t in enumerate(tokens)},
                      "merges": merges}},
        "generation_config.json": {"eos_token_id": [len(tokens) + 1]},
    }
    os.makedirs(out, exist_ok=True)
    if shards:
        index = {"metadata": {"total_size": sum(len(d) for _, _, d in tensors)}, "weight_map": {}}
        for i in range(shards):
            name = "model-%05d-of-%05d.safetensors" % (i + 1, shards)
            write_safetensors(os.path.join(out, name), tensors[i::shards])
            index["weight_map"].update((t[0], name) for t in tensors[i::shards])
        documents["model.safetensors.index.json"] = index
    else:
        write_safetensors(os.path.join(out, "model.safetensors"), tensors)
    for name, document in documents.items():
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            json.dump(document, f)


if __name__ == "__main__":
    main()
