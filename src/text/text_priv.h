// SPDX-License-Identifier: MIT
/* Private parts of text. */
#ifndef SU_TEXT_PRIV_H
#define SU_TEXT_PRIV_H

#include "text/text.h"

/* ---- characters (unicode.c) ------------------------------------------------------------------ */

/* Numbered as in tool/make_unicode_table.py. */
enum text_class {
    TEXT_OTHER,
    TEXT_LU,
    TEXT_LL,
    TEXT_LT,
    TEXT_LM,
    TEXT_LO,
    TEXT_M,
    TEXT_N,
    TEXT_P,
    TEXT_S,
    TEXT_SPACE, /* property White_Space, whatever the category */
    TEXT_END, /* past the end of the text */
};

extern const uint32_t text_unicode_table[];
extern const size_t text_unicode_count;

enum text_class text_class_of(uint32_t point);
/* The character at p[pos] of p[0..end): its code point (U+FFFD for one byte that is no UTF-8) and
   length; TEXT_END and length 0 at the end. */
struct text_char {
    uint32_t point;
    uint32_t len;
    enum text_class cls;
};
struct text_char text_char_at(const uint8_t *p, size_t end, size_t pos);

/* GPT-2's spelling of bytes as printable characters: decodes text into out[len] (decoding never
   lengthens) and returns the length; SIZE_MAX when a character stands for no byte. */
size_t text_bytes_unspell(const uint8_t *text, size_t len, uint8_t *out);

/* ---- pre-tokenizers (pieces.c) --------------------------------------------------------------- */

enum text_pre {
    TEXT_PRE_DEFAULT,
    TEXT_PRE_GPT2,
    TEXT_PRE_SMOLLM,
    TEXT_PRE_LLAMA3,
    TEXT_PRE_QWEN2,
    TEXT_PRE_TEKKEN,
    TEXT_PRE_GPT4O,
};

struct text_pre_row {
    const char *name; /* GGUF's tokenizer.ggml.pre */
    enum text_pre rule;
    bool ignore_merges, add_bos;
};
const struct text_pre_row *text_pre_find(const char *name); /* NULL: unknown */
/* The rule of a Split pattern of tokenizer.json; NULL: unknown. The row's name is the family's. */
const struct text_pre_row *text_pre_of_pattern(const char *regex);

/* Walks over the pieces of p[0..len). */
struct text_pieces {
    enum text_pre rule;
    const uint8_t *p;
    size_t len, pos;
    size_t outer, word, run; /* ends of what encloses pos, for rules of several passes */
};
/* False at the end. */
bool text_pieces_next(struct text_pieces *i, size_t *begin, size_t *end);

/* ---- tables (tables.c) ----------------------------------------------------------------------- */

/* Open addressing, at most two thirds full; slots hold an index + 1, 0 is free. */
struct text_slots {
    uint32_t *slot;
    size_t mask;
};
/* So many probes mean keys that were made to collide. */
#define TEXT_PROBES_MAX 512

bool text_slots_init(struct text_slots *s, size_t count); /* false: out of memory */

struct text_merge {
    uint32_t left, right, result;
};

struct text_special {
    uint32_t id;
    uint32_t len;
    const uint8_t *text; /* in the blob */
};

struct su_text {
    enum su_text_kind kind;
    enum text_pre pre;
    bool add_bos, add_eos, add_space_prefix, prefix_once, ignore_merges;
    uint32_t bos, eos, eot, unk, pad;
    size_t count;
    uint8_t *blob; /* what each token stands for, or its name */
    uint32_t *offset; /* count + 1 */
    uint8_t *type;
    float *score; /* SPM without merges, else NULL */
    struct text_slots by_bytes;
    size_t longest; /* bytes of the longest token that by_bytes finds */
    uint32_t byte_id[256]; /* the token of each byte, or SU_TEXT_NONE */
    struct text_merge *merge;
    size_t merge_count, merges_ignored;
    struct text_slots by_pair;
    struct text_special *special; /* longest first, then by id: the order of matching */
    uint32_t *special_sorted; /* indices into special, by bytes */
    size_t special_count;
    uint32_t special_first[257]; /* ranges of special_sorted by first byte */
    uint32_t *stop;
    size_t stop_count;
    char *chat_template;
};

enum text_find { TEXT_FIND_OK, TEXT_FIND_TWICE, TEXT_FIND_COLLIDES };

/* Adds token id under its bytes; TWICE (with *other) leaves the first. */
enum text_find text_bytes_add(struct su_text *t, uint32_t id, uint32_t *other);
uint32_t text_bytes_find(const struct su_text *t, const uint8_t *p, size_t len);
/* Adds merge[index] under its pair. */
enum text_find text_pair_add(struct su_text *t, uint32_t index);
uint32_t text_pair_find(const struct su_text *t, uint32_t left, uint32_t right);

static inline const uint8_t *text_token(const struct su_text *t, uint32_t id, size_t *len)
{
    *len = t->offset[id + 1] - t->offset[id];
    return t->blob + t->offset[id];
}

/* ---- making (tokenizer.c) -------------------------------------------------------------------- */

/* Merges one by one, so that nobody needs to hold them all; gives merge_count of the vocabulary. */
struct text_merge_source {
    bool (*next)(void *context, struct su_text_string *out);
    void *context;
};
/* su_text_new with merges from elsewhere: v->merges is not read. */
enum su_code text_make(const struct su_text_vocab *v, const struct text_merge_source *merges,
                       const char *at, struct su_text **out, struct su_err *e);

/* ---- special tokens (special.c) -------------------------------------------------------------- */

/* Collects and orders the special tokens and the stops of t. False: out of memory. */
bool text_specials_init(struct su_text *t);
/* True for the names that end a generation in some family. */
bool text_stop_name(const uint8_t *name, size_t len);

struct text_fragment {
    size_t begin, end;
    uint32_t id; /* SU_TEXT_NONE: text */
};
struct text_fragments {
    struct text_fragment *list;
    size_t count, cap;
};
/* Which control tokens may be matched where. */
struct text_trust {
    bool control; /* match control tokens at all */
    const struct su_text_span *spans; /* but not in or across these */
    size_t span_count;
};
/* Cuts text into special tokens and what lies between. False: out of memory. */
bool text_specials_cut(const struct su_text *t, const uint8_t *p, size_t len,
                       const struct text_trust *trust, struct text_fragments *out);

/* ---- merging (merge.c) ----------------------------------------------------------------------- */

struct text_symbol {
    uint32_t prev, next;
    uint32_t begin, len; /* len 0: merged into another */
    uint32_t id;
};
struct text_bid {
    uint64_t key; /* urgency, then place: the least goes first */
    uint32_t right;
    uint32_t len; /* of both when the bid was made */
};
/* Memory that one encoding reuses from piece to piece. */
struct text_scratch {
    struct text_symbol *symbol;
    size_t symbol_cap;
    struct text_bid *bid;
    size_t bid_count, bid_cap;
    uint8_t *spaced; /* SPM: the fragment with its spaces in one spelling */
    size_t spaced_cap;
    bool failed; /* out of memory */
};
void text_scratch_fini(struct text_scratch *s);
void text_merge_bpe(const struct su_text *t, struct text_scratch *s, const uint8_t *p, size_t len,
                    struct su_text_ids *out);
void text_merge_spm(const struct su_text *t, struct text_scratch *s, const uint8_t *p, size_t len,
                    struct su_text_ids *out);
/* Grows an array of items of `size` to hold need >= 1; NULL: out of memory, p stays valid. */
void *text_grow(void *p, size_t *cap, size_t need, size_t size);
bool text_ids_put(struct su_text_ids *l, uint32_t id);

/* ---- tokenizer.json (hf.c, hf_scan.c) -------------------------------------------------------- */

/* Pulls values out of JSON text without building a tree. The functions that return bool return
   false once rc is set. */
struct hf_scan {
    const uint8_t *p;
    size_t len, pos;
    const char *at;
    struct su_err *e;
    enum su_code rc;
};
/* The extent of one value in the text; end 0: absent. */
struct hf_extent {
    size_t begin, end;
};

struct hf_scan hf_scan_of(const void *p, size_t len, const char *at, struct su_err *e);
/* The same text, from the beginning of x. */
void hf_enter(struct hf_scan *s, struct hf_extent x);
bool hf_fail(struct hf_scan *s, enum su_code rc, const char *what);
/* The next character that is no blank, not consumed; 0 at the end. */
uint8_t hf_peek(struct hf_scan *s);
bool hf_take(struct hf_scan *s, uint8_t c); /* consumes c or fails */
/* For each item of an object or array whose opening character was taken: true when one follows;
   false behind the closing character. *first is true before the first call. */
bool hf_more(struct hf_scan *s, uint8_t close, bool *first);
/* Decodes a string into out[cap]; *len is its whole length, also when that is more. Never longer
   than the text it is decoded from. */
bool hf_string(struct hf_scan *s, void *out, size_t cap, size_t *len);
/* A key and its colon; a key that does not fit becomes "". Keys that hold NUL do not match. */
bool hf_key(struct hf_scan *s, char *out, size_t cap);
bool hf_id(struct hf_scan *s, uint32_t *out);
/* Steps over one value, whatever it is; checks its structure. */
bool hf_skip(struct hf_scan *s, struct hf_extent *x);
/* Settings of a tokenizer.json that are small; see hf_settings.c. */
struct hf_settings {
    enum su_text_kind kind;
    const char *pre;
    bool prepend, prefix_once;
    bool byte_fallback, ignore_merges;
    char bos[64], eos[64], unk[64], pad[64]; /* names of tokens, "" = none */
    enum su_text_flag add_bos, add_eos;
    char *chat_template; /* owned */
};
/* The values at the extents of tokenizer.json; absent ones are null. */
enum su_code hf_settings_read(struct hf_settings *h, const struct hf_scan *s,
                              struct hf_extent normalizer, struct hf_extent pre_tokenizer,
                              struct hf_extent post_processor);
/* tokenizer_config.json. */
enum su_code hf_config_read(struct hf_settings *h, const void *config, size_t len, const char *at,
                            struct su_err *e);

#endif
