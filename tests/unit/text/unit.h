// SPDX-License-Identifier: MIT
/* Vocabularies for the tests of text. */
#ifndef SU_TEXT_UNIT_H
#define SU_TEXT_UNIT_H

#include "text/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A vocabulary under construction. Texts given are copied. */
struct vocab {
    struct su_text_vocab v;
    struct su_text_string tokens[4096], merges[4096];
    int32_t types[4096];
    float scores[4096];
    struct su_arena arena;
};
void vocab_init(struct vocab *b, enum su_text_kind kind);
void vocab_fini(struct vocab *b);
uint32_t vocab_token(struct vocab *b, const char *text, int32_t type);
void vocab_merge(struct vocab *b, const char *left_and_right);
/* The 256 bytes in GPT-2's spelling, in order, as ids 0 to 255. */
void vocab_bytes(struct vocab *b);
/* Byte-level BPE of the 256 bytes and "th" 256, "the" 257, " t" 258, " th" 259, " the" 260, "in"
   261, "ing" 262, "<|end|>" 263 (control), "<user>" 264 (user-defined), "\n\n" 265. */
void vocab_small(struct vocab *b, const char *pre);
/* The tokenizer of b, which must be good. */
struct su_text *vocab_make(const struct vocab *b);

/* SmolLM2's vocabulary with another pre-tokenizer (NULL: its own); fetched if need be. */
struct su_text *smollm2(const char *pre);
/* The same by way of a tokenizer.json. */
struct su_text *smollm2_as_json(void);
/* The SentencePiece vocabulary that make_golden.py makes of SmolLM2's. */
struct su_text *smollm2_as_spm(void);

/* Encodes text and compares with a list such as "1 2 3". */
void tokens_are(const struct su_text *t, const char *text, unsigned flags, const char *want);

#endif
