// SPDX-License-Identifier: MIT
// Written by make_gguf_vectors.py with gguf 0.19.0 and numpy 2.4.6; do not edit.
// clang-format off
#ifndef SU_TEST_WEIGHTS_GGUF_VECTORS_H
#define SU_TEST_WEIGHTS_GGUF_VECTORS_H

#include <stdint.h>

static const struct {
    const char *type;
    uint32_t n;
    const char *input, *output;
} block_vectors[] = {
    {"q4_0", 10000,
     "58aa9d49ab27003e588f9aa59d5fb19639a2996804455c11052b2240315f3e38",
     "e393d004a473a34d83a91d6139fc972d17bb724619d8825a7a51fcdcbd5617c3"},
    {"q4_1", 10000,
     "568b62342f558d7afbf5199b85e611176b86b8539c98d8a0259f920d42cad402",
     "67f4d0eb81f6dc26104e39adaa7c95a7e08c27d94d039bda32c203cbae81b96a"},
    {"q5_0", 10000,
     "d4636c0e39fde807a57808658522307d0c5e417059313d781c419188bd42712a",
     "12740b81635b025a073e9cde8c7e739849650265ac4269d88d20a51f0c056222"},
    {"q5_1", 10000,
     "6c0867686dedaf464ba84cf7be134e08776ca8d2410ad0bdf588f579b157fa24",
     "228006881d0473226b5b18e2bfe6e01bf8dee3c6e74e1f7fe6c9e3cbd9fc1c6f"},
    {"q8_0", 10000,
     "67511f1964378615bfeda524f5bcafc1da8841ece73969b148789903e3b76ffe",
     "965e19a80e2f9a61ec5237f0316e61fc993b32f0462886d2365dbb362d632492"},
    {"q4_k", 10000,
     "23c8080c244f02be8729c59298a85f8928d34f3a7b826588bf14a40899452465",
     "5fc77e35674451dc19fe0cbab545f59da5166ee16a3c4c20b7e05c645c826f2e"},
    {"q5_k", 10000,
     "14f5d7ac8eb86670f153b4aa1c1b3a6826323d77e26c807b271297dffdc498a1",
     "2ca6d022f64155e4125be4a64736848d942d44d6e8932c00c2dc1ad6ec6c5b65"},
    {"q6_k", 10000,
     "7f988240593f598c86d3c6b8a838906ccaf9e9ebac3088ae2980fd438136491e",
     "4f2a9fe2c2027007861aa701dd28a5f9c90fba1509ae1abdd5e653a5ffcfdc98"},
    {"f16", 65536,
     "c5e50f27bc4a2370baacb20cd62ebf4d8b592e84e80371f875f644c7d5578afc",
     "faa6d965574036872b0d39a42d1f8bee361d5be92b1e718155a69556a5abacdd"},
    {"bf16", 65536,
     "68e419472d25e0b85e9917ccf692fd58245c5e95e9a46f07d1df81d2e9da246b",
     "9207d7eb28680a098c73dbe536d1ff7b94311dc417b9a385e0af6660683e93ca"},
};

#define SMOLLM2_FILE "SmolLM2-135M-Instruct.Q4_1.gguf"
#define SMOLLM2_TENSORS 272
#define SMOLLM2_KEYS 33
/* sha256 of a line "name type [shape] offset bytes" per tensor, ascending by name. */
#define SMOLLM2_LISTING "5e1a4ced4fe5b2009aed76873a1222a653c3677a14d8618ceaf35839dcf58c99"
/* sha256 of all tensors decoded, ascending by name. */
#define SMOLLM2_DECODED "035b238cdb1c3a64e21315cad8d5d362e75ed6f6e847ca3508b006dff3ca3fd6"

/* sha256 of one tensor decoded. */
static const struct {
    const char *name, *sha256;
} smollm2_tensors[] = {
    {"blk.0.attn_q.weight",
     "aa74111ad24c3624a20374d2026fd1f50bfe2520252e3c9aef4a666a28593cc8"},
    {"blk.29.ffn_down.weight",
     "c19605745425a11e704e305ce3d27b632c406195d39eb3377e9cfb140ac643d1"},
    {"output_norm.weight",
     "3b87f8e27335e67fc08f159cabfd2d18f205d6c5b225a6f978153552bf01d559"},
    {"token_embd.weight",
     "3fd491c8066dd9dc1a2bf6796701526c82817d95c0ecabacdef3013c2b8bbbaa"},
};

/* sha256 of an array of texts: per text its length as u64, little-endian, and its bytes. */
static const struct {
    const char *key;
    uint64_t n;
    const char *first, *last, *sha256;
} smollm2_texts[] = {
    {"general.languages", 1, "en", "en",
     "e6a980988da005cecbab46a476084e009cfc194b900c110c94ea8a9a71d98884"},
    {"tokenizer.ggml.merges", 48900, "\304\240 t", "ect able",
     "f21dff0382d448ea564fe1869e6158795a0db82c4b0771f6fb3d5db9818f0166"},
    {"tokenizer.ggml.tokens", 49152, "<|endoftext|>", "ectable",
     "e3f79317b457a91937391f6e0ee99d97ba2a3adae02bc26db8f59710ddb27ffe"},
};

/* Sum of (index + 1) * value over tokenizer.ggml.token_type. */
#define SMOLLM2_TYPE_SUM 1207984434u

#endif
