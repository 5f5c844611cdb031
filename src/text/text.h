// SPDX-License-Identifier: MIT
/* text: from text to token ids and back. Byte-level BPE (GPT-2 and what came of it) and
   SentencePiece-style BPE, the special tokens, a detokeniser that streams, and the chat formats of
   the common model families. The vocabulary comes as plain arrays (from a GGUF file) or as a
   tokenizer.json. Token ids are those of llama.cpp for well-formed text, which the tests hold on
   10 000 strings; where it deviates from the model's own tokenizer.json, see the notes below.
   An object is immutable once made: any number of threads may use it. */
#ifndef SU_TEXT_H
#define SU_TEXT_H

#include "base/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SU_TEXT_NONE UINT32_MAX /* no such token */
#define SU_TEXT_TOKENS_MAX ((size_t)1 << 22) /* of a vocabulary; of its merges as well */
#define SU_TEXT_TOKEN_BYTES_MAX ((size_t)16384) /* of one token */
#define SU_TEXT_BYTES_MAX ((size_t)32 << 20) /* of the text of one call */

/* ---- vocabulary ------------------------------------------------------------------------------ */

enum su_text_kind {
    SU_TEXT_BPE, /* byte-level: tokens are spelled in GPT-2's printable stand-ins for bytes */
    SU_TEXT_SPM, /* SentencePiece BPE: tokens are UTF-8 with U+2581 for the space */
};

/* Values as in GGUF's tokenizer.ggml.token_type; any other value counts as UNUSED. */
enum su_text_token_type {
    SU_TEXT_NORMAL = 1,
    SU_TEXT_UNKNOWN = 2,
    SU_TEXT_CONTROL = 3, /* matched in text only on request, rendered only on request */
    SU_TEXT_USER = 4, /* matched as it stands in any text, before all else */
    SU_TEXT_UNUSED = 5, /* rendered as nothing */
    SU_TEXT_BYTE = 6, /* "<0xE2>" */
};

enum su_text_flag { SU_TEXT_DEFAULT, SU_TEXT_OFF, SU_TEXT_ON };

struct su_text_string {
    const void *bytes; /* need not be terminated */
    size_t len;
};

/* What a tokenizer is made of; borrowed for the call. Zero-initialised fields that mean an id are
   the id 0: set them to SU_TEXT_NONE where the file has none. The defaults of the flags are
   GGUF's: add_bos is on for SPM and for the families llama-bpe and tekken, if bos is given;
   add_space_prefix is on for SPM; add_eos is off. */
struct su_text_vocab {
    enum su_text_kind kind;
    const char *pre; /* BPE: GGUF's tokenizer.ggml.pre; NULL and "" mean "default" */
    const struct su_text_string *tokens; /* an empty one is a hole */
    const int32_t *types; /* NULL: all are normal */
    const float *scores; /* SPM: higher is merged first; NULL: by the merges instead */
    size_t token_count;
    const struct su_text_string *merges; /* "left right", the most urgent first; BPE needs some */
    size_t merge_count;
    uint32_t bos, eos, eot, unk, pad;
    enum su_text_flag add_bos, add_eos;
    enum su_text_flag add_space_prefix; /* SPM: text gets a leading space, also behind specials */
    bool prefix_once; /* SPM: only at the very beginning */
    enum su_text_flag ignore_merges; /* BPE: a piece that is a token is that token; by family */
    const char *chat_template; /* GGUF's tokenizer.chat_template; copied; may be NULL */
};

struct su_text; /* a tokenizer */

/* Makes a tokenizer; `at` names the file in errors. A merge of which a side or the result is no
   token is left out, and one that stands twice counts once, at its first place. No merges form a
   cycle, since a result is longer than its sides. Two normal tokens spelled alike and scores that
   are NaN are refused. On failure *out is NULL:
     SU_EINVAL        no tokens, no merges (BPE), neither scores nor merges (SPM), a special id
                      beyond the vocabulary, add_bos or add_eos on without the token
     SU_EFORMAT       a malformed merge, no merge fits the vocabulary, two equal tokens, NaN
     SU_ELIMIT        more tokens or merges than SU_TEXT_TOKENS_MAX, a longer token than
                      SU_TEXT_TOKEN_BYTES_MAX, 4 GiB of tokens
     SU_EUNSUPPORTED  an unknown `pre`; the message names it
     SU_ENOMEM */
SU_CHECK enum su_code su_text_new(const struct su_text_vocab *v, const char *at,
                                  struct su_text **out, struct su_err *e);

/* Makes a tokenizer from the bytes of a tokenizer.json and, where there is one, the
   tokenizer_config.json beside it (config NULL: none), which names bos, eos, unk and pad and holds
   the chat template. Model type BPE, byte-level or with byte fallback; the pre-tokenizers of GPT-2,
   SmolLM, Llama 3, Qwen 2, Tekken and GPT-4o by their pattern; a normalizer NFC is not applied
   (text is nearly always NFC already, and llama.cpp leaves it out too). No tree is built of either
   document: memory, the result included, stays below four times their size (+ 1 MiB), and is
   about once that of real ones. As su_text_new, and
     SU_EUNSUPPORTED  another model type, pre-tokenizer or normalizer, or an option that changes
                      ids and is not known here; the message names it
     SU_ETRUNC, SU_EFORMAT, SU_ELIMIT  JSON as in json/json.h; ids that leave many holes; settings
                      of more than 1 MiB or 4096 values */
SU_CHECK enum su_code su_text_from_hf(const void *json, size_t len, const void *config,
                                      size_t config_len, const char *at, struct su_text **out,
                                      struct su_err *e);
void su_text_free(struct su_text *t); /* NULL allowed */

size_t su_text_count(const struct su_text *t); /* tokens; ids are below */
uint32_t su_text_bos(const struct su_text *t); /* SU_TEXT_NONE where there is none; so below */
uint32_t su_text_eos(const struct su_text *t);
uint32_t su_text_unk(const struct su_text *t);
uint32_t su_text_pad(const struct su_text *t);
bool su_text_adds_bos(const struct su_text *t);
bool su_text_adds_eos(const struct su_text *t);
/* How many merges su_text_new left out. */
size_t su_text_merges_ignored(const struct su_text *t);
/* The model's chat template, borrowed; NULL without one. */
const char *su_text_template(const struct su_text *t);
enum su_text_token_type su_text_type(const struct su_text *t, uint32_t id); /* assumes a valid id */
/* The special (control, unknown or user-defined) token of exactly this text, else SU_TEXT_NONE. */
uint32_t su_text_special(const struct su_text *t, const char *text);
/* The tokens that end a generation: eos, eot, and those that are known by their name in any
   family ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", ...). Ascending, borrowed. */
size_t su_text_stops(const struct su_text *t, const uint32_t **ids);
bool su_text_is_stop(const struct su_text *t, uint32_t id);

/* What a folder says in files of their own. For use before t is shared. SU_EINVAL: an id beyond the
   vocabulary; SU_ENOMEM; `at` names the file in errors. The template (any bytes but 0; the first 0
   ends it) is copied and takes the place of t's. */
SU_CHECK enum su_code su_text_stop_add(struct su_text *t, uint32_t id, const char *at,
                                       struct su_err *e);
SU_CHECK enum su_code su_text_template_set(struct su_text *t, const void *text, size_t len,
                                           struct su_err *e);

/* ---- text to tokens -------------------------------------------------------------------------- */

/* Growing list of token ids. Zero-initialise; release with su_text_ids_fini. */
struct su_text_ids {
    uint32_t *ids;
    size_t count, cap;
};
void su_text_ids_fini(struct su_text_ids *l);

enum {
    SU_TEXT_ADD_SPECIAL = 1, /* bos before, eos after, as the model wants */
    SU_TEXT_PARSE_SPECIAL = 2, /* "<|im_end|>" in the text is that token: for trusted text only */
};

/* Appends the tokens of text[0..len). Any bytes are taken: those that are no UTF-8 are tokenised
   one by one (llama.cpp puts U+FFFD instead). Bytes that the vocabulary cannot spell become unk
   (SPM, if it has one) or nothing (BPE), as everywhere. Control tokens never come of text without
   SU_TEXT_PARSE_SPECIAL. Time is n log n in the length, whatever the text. On failure the list is
   as before: SU_ELIMIT beyond SU_TEXT_BYTES_MAX, SU_ENOMEM. */
SU_CHECK enum su_code su_text_encode(const struct su_text *t, const void *text, size_t len,
                                     unsigned flags, struct su_text_ids *out, struct su_err *e);

/* ---- tokens to text -------------------------------------------------------------------------- */

/* The bytes that a token stands for, borrowed; they may end inside a character. Control, unknown
   and unused tokens give their name with `names` and nothing without, an id beyond the vocabulary
   nothing. */
struct su_text_string su_text_bytes(const struct su_text *t, uint32_t id, bool names);

/* Turns a stream of tokens into a stream of whole UTF-8 characters: what may be the beginning of a
   character is held back, bytes that cannot be part of one become U+FFFD each. */
struct su_text_decoder {
    const struct su_text *text; /* borrowed */
    uint8_t held[4];
    uint8_t held_len;
    bool names; /* render control tokens too */
    bool drop_space; /* the next token's leading space is the prefix that encoding added */
};
/* `begin`: the tokens begin a text, whose prefix space (SPM) is to be dropped; false where they go
   on, as the tokens of an answer do. */
void su_text_decoder_init(struct su_text_decoder *d, const struct su_text *t, bool begin,
                          bool names);
/* Appends what is complete; failures stay in the buffer (su_buf_check). */
void su_text_decode(struct su_text_decoder *d, uint32_t id, struct su_buf *out);
/* Appends what was held back, as U+FFFD. */
void su_text_decode_end(struct su_text_decoder *d, struct su_buf *out);

/* ---- chat ------------------------------------------------------------------------------------ */

/* X(enumerator, name) of the families that are known. */
#define SU_TEXT_CHATS(X)                                                                           \
    X(CHATML, "chatml")                                                                            \
    X(LLAMA2, "llama-2")                                                                           \
    X(LLAMA3, "llama-3")                                                                           \
    X(MISTRAL_V1, "mistral-v1")                                                                    \
    X(MISTRAL_V3, "mistral-v3")                                                                    \
    X(MISTRAL_TEKKEN, "mistral-tekken")                                                            \
    X(MISTRAL_V7, "mistral-v7")                                                                    \
    X(GEMMA, "gemma")                                                                              \
    X(ZEPHYR, "zephyr")

enum su_text_chat_family {
#define X(name, text) SU_TEXT_CHAT_##name,
    SU_TEXT_CHATS(X)
#undef X
};

/* How a model wants conversations written. */
struct su_text_chat {
    enum su_text_chat_family family;
    char system[512]; /* used when the conversation has no system turn; "" = none */
    char eos[24]; /* what the family writes behind an answer */
    /* What the templates of one family differ in. */
    bool dated; /* llama-3: dates stand in the system turn */
    bool tagged; /* llama-2: the system text stands in <<SYS>>, answers between spaces */
    bool rounds; /* llama-2: every round begins with <s>, not only the first */
    bool stripped; /* llama-2: turns are trimmed */
    bool late; /* mistral: the system text stands in the last round, not the first */
    bool spaced; /* mistral-v7: a space follows the opening marks */
};

/* Recognises the family of a Jinja chat template by its marks; nothing of it is run. The default
   system turn of ChatML models (SmolLM2, Qwen 2.5) is read out of the text. SU_EUNSUPPORTED: no
   family fits (the message lists them), or the default system turn is longer than fits; SU_ENOENT:
   `jinja` is NULL or empty. On failure *out is zero. */
SU_CHECK enum su_code su_text_chat_detect(const char *jinja, struct su_text_chat *out,
                                          struct su_err *e);
const char *su_text_chat_name(enum su_text_chat_family f); /* "chatml"; "?" when out of range */

enum su_text_role { SU_TEXT_SYSTEM, SU_TEXT_USER_TURN, SU_TEXT_ASSISTANT };
struct su_text_turn {
    enum su_text_role role;
    const char *content; /* terminated UTF-8 */
};

/* A rendered conversation: its text, and which parts of it came from outside. */
struct su_text_prompt {
    struct su_buf text;
    struct su_text_span { /* parts that are content, not markup; ascending */
        size_t begin, end;
    } * spans;
    size_t span_count, span_cap;
};
void su_text_prompt_init(struct su_text_prompt *p);
void su_text_prompt_fini(struct su_text_prompt *p);

/* Writes the turns as the family's template does, without bos, which encoding adds; `answer` adds
   the opening of the assistant's turn. A system turn must be the first; families without one get
   its text before the first user turn. Replaces what p held. SU_EINVAL: no turns, a system turn
   elsewhere, (all but ChatML, llama-3, zephyr) turns that do not alternate from a user turn on;
   SU_ELIMIT: more than SU_TEXT_BYTES_MAX; SU_ENOMEM. */
SU_CHECK enum su_code su_text_chat_render(const struct su_text_chat *c,
                                          const struct su_text_turn *turns, size_t count,
                                          bool answer, struct su_text_prompt *p, struct su_err *e);
/* As su_text_encode with both flags, but control tokens are matched in markup only: a user who
   writes "<|im_end|>" gets its letters. */
SU_CHECK enum su_code su_text_encode_prompt(const struct su_text *t, const struct su_text_prompt *p,
                                            struct su_text_ids *out, struct su_err *e);

#endif
