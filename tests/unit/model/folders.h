// SPDX-License-Identifier: MIT
/* Folders as published, of small models of every architecture with random weights, and the logits of
   any opened toy. Everything here fails the running test on any error. */
#ifndef SU_TEST_MODEL_FOLDERS_H
#define SU_TEST_MODEL_FOLDERS_H

#include "unit.h"

enum { FOLDER_VOCAB = 48, FOLDER_TOKENS = 9 };

struct folder {
    enum su_llm_arch arch;
    enum su_dtype dtype; /* of all tensors: F32, F16 or BF16 */
    unsigned shards; /* 0: model.safetensors, else an index */
    bool images; /* gemma3: names with "language_model." in front, config.json with text_config */
};
/* Writes it; equal structs of different shards have equal tensors. */
void folder_make(const struct folder *f, const char *dir);
/* Writes tokenizer.json: letters and a few merges. */
void folder_tokenizer(const char *dir);
/* Writes the model's GGUF file, as llama.cpp's converter would: names, order of q and k, norms. */
void folder_gguf(const struct su_model *m, const char *path);

/* Logits of FOLDER_TOKENS tokens, all emitted, by the reference interpreter. */
void folder_logits(const struct su_model *m, float out[FOLDER_TOKENS][FOLDER_VOCAB]);
struct su_model *folder_open(const char *path);

#endif
