// SPDX-License-Identifier: MIT
/* The pre-tokenizers: regular expressions written out as code. Each *_end gives the end of the
   match that begins at pos; every rule matches something at any character. */
#include "text_priv.h"

#include <string.h>

/* The families and the pattern of each, in the syntax of tokenizer.json:
   GPT2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
   SMOLLM  each \p{N} alone, then GPT2 between them
   LLAMA3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
           ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
   QWEN2   LLAMA3 with \p{N}
   GPT4O   words of [^\r\n\p{L}\p{N}]? then upper* lower+ or upper+ lower*, where marks and
           caseless letters are both, then a contraction; \p{N}{1,3}; slashes end with newlines
   TEKKEN  GPT4O with \p{N} and without contractions
   DEFAULT what llama.cpp takes for files that name none: runs of punctuation apart, GPT2 between,
           runs of \p{N} apart, digits by threes */
static const struct text_pre_row rows[] = {
    {"default", TEXT_PRE_DEFAULT, false, false},
    {"gpt-2", TEXT_PRE_GPT2, false, false},
    {"gpt2", TEXT_PRE_GPT2, false, false},
    {"phi-2", TEXT_PRE_GPT2, false, false},
    {"mpt", TEXT_PRE_GPT2, false, false},
    {"olmo", TEXT_PRE_GPT2, false, false},
    {"smollm", TEXT_PRE_SMOLLM, false, false},
    {"starcoder", TEXT_PRE_SMOLLM, false, false},
    {"refact", TEXT_PRE_SMOLLM, false, false},
    {"command-r", TEXT_PRE_SMOLLM, false, false},
    {"codeshell", TEXT_PRE_SMOLLM, false, false},
    {"exaone", TEXT_PRE_SMOLLM, false, false},
    {"minerva-7b", TEXT_PRE_SMOLLM, false, false},
    {"llama-bpe", TEXT_PRE_LLAMA3, true, true},
    {"llama3", TEXT_PRE_LLAMA3, true, true},
    {"llama-v3", TEXT_PRE_LLAMA3, true, true},
    {"falcon3", TEXT_PRE_LLAMA3, true, true},
    {"pixtral", TEXT_PRE_LLAMA3, true, true},
    {"lfm2", TEXT_PRE_LLAMA3, true, true},
    {"dbrx", TEXT_PRE_LLAMA3, false, false},
    {"smaug-bpe", TEXT_PRE_LLAMA3, false, false},
    {"glm4", TEXT_PRE_LLAMA3, false, false},
    {"chatglm-bpe", TEXT_PRE_LLAMA3, false, false},
    {"qwen2", TEXT_PRE_QWEN2, false, false},
    {"deepseek-r1-qwen", TEXT_PRE_QWEN2, false, false},
    {"stablelm2", TEXT_PRE_QWEN2, false, false},
    {"megrez", TEXT_PRE_QWEN2, false, false},
    {"hunyuan", TEXT_PRE_QWEN2, false, false},
    {"tekken", TEXT_PRE_TEKKEN, true, true},
    {"gpt-4o", TEXT_PRE_GPT4O, false, false},
    {"llama4", TEXT_PRE_GPT4O, false, false},
};

const struct text_pre_row *text_pre_find(const char *name)
{
    for (size_t i = 0; i < SU_ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

#define NEWLINES_AND_SPACES "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LLAMA3_HEAD "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
#define LLAMA3_TAIL "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" NEWLINES_AND_SPACES
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define BEFORE "[^\\r\\n\\p{L}\\p{N}]?"
#define WORDS(after) BEFORE UPPER "*" LOWER "+" after "|" BEFORE UPPER "+" LOWER "*" after
#define GPT4O_TAIL "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" NEWLINES_AND_SPACES

const struct text_pre_row *text_pre_of_pattern(const char *regex)
{
    static const struct {
        const char *regex, *name;
    } known[] = {
        {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
         "gpt-2"},
        {LLAMA3_HEAD "{1,3}" LLAMA3_TAIL, "llama-bpe"},
        {LLAMA3_HEAD LLAMA3_TAIL, "qwen2"},
        {WORDS("") "|\\p{N}" GPT4O_TAIL, "tekken"},
        {WORDS("(?i:'s|'t|'re|'ve|'m|'ll|'d)?") "|\\p{N}{1,3}" GPT4O_TAIL, "gpt-4o"},
    };

    for (size_t i = 0; i < SU_ARRAY_LEN(known); i++) {
        if (strcmp(known[i].regex, regex) == 0)
            return text_pre_find(known[i].name);
    }
    return NULL;
}

/* ---- parts that the patterns share ----------------------------------------------------------- */

static bool is_letter(enum text_class c)
{
    return c >= TEXT_LU && c <= TEXT_LO;
}

/* [^\s\p{L}\p{N}] */
static bool is_other(enum text_class c)
{
    return !is_letter(c) && c != TEXT_N && c != TEXT_SPACE && c != TEXT_END;
}

static bool is_newline(uint32_t point)
{
    return point == '\r' || point == '\n';
}

static size_t run_of_letters(const uint8_t *p, size_t end, size_t pos)
{
    for (;;) {
        struct text_char c = text_char_at(p, end, pos);
        if (!is_letter(c.cls))
            return pos;
        pos += c.len;
    }
}

/* At most `most` numbers. */
static size_t run_of_numbers(const uint8_t *p, size_t end, size_t pos, size_t most)
{
    for (;; most--) {
        struct text_char c = text_char_at(p, end, pos);
        if (c.cls != TEXT_N || most == 0)
            return pos;
        pos += c.len;
    }
}

static size_t run_of_others(const uint8_t *p, size_t end, size_t pos)
{
    for (;;) {
        struct text_char c = text_char_at(p, end, pos);
        if (!is_other(c.cls))
            return pos;
        pos += c.len;
    }
}

/* 's|'t|'re|'ve|'m|'ll|'d at pos; its end, or pos. */
static size_t contraction_end(const uint8_t *p, size_t end, size_t pos, bool any_case)
{
    uint8_t fold = any_case ? 0x20 : 0;

    if (end - pos < 2 || p[pos] != '\'')
        return pos;
    uint8_t a = p[pos + 1] | fold;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return pos + 2;
    if (end - pos < 3)
        return pos;
    uint8_t b = p[pos + 2] | fold;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return pos + 3;
    return pos;
}

/* \s+(?!\S)|\s+, and before them \s*[\r\n]+ when `newlines`. Assumes white space at pos. */
static size_t space_end(const uint8_t *p, size_t end, size_t pos, bool newlines)
{
    size_t last = pos, after_newline = 0, count = 0;
    struct text_char c;

    for (c = text_char_at(p, end, pos); c.cls == TEXT_SPACE; c = text_char_at(p, end, pos)) {
        last = pos;
        pos += c.len;
        count++;
        if (newlines && is_newline(c.point))
            after_newline = pos;
    }
    if (after_newline)
        return after_newline;
    return count > 1 && c.cls != TEXT_END ? last : pos;
}

/* ---- the patterns ---------------------------------------------------------------------------- */

static size_t gpt2_end(const uint8_t *p, size_t end, size_t pos)
{
    size_t contracted = contraction_end(p, end, pos, false);

    if (contracted > pos)
        return contracted;
    size_t from = p[pos] == ' ' ? pos + 1 : pos;
    struct text_char c = text_char_at(p, end, from);
    if (is_letter(c.cls))
        return run_of_letters(p, end, from);
    if (c.cls == TEXT_N)
        return run_of_numbers(p, end, from, SIZE_MAX);
    if (is_other(c.cls))
        return run_of_others(p, end, from);
    return space_end(p, end, pos, false);
}

/* What LLAMA3 and GPT4O have in common after words and numbers; `slash` takes [\r\n/]* behind. */
static size_t rest_end(const uint8_t *p, size_t end, size_t pos, bool slash)
{
    size_t from = p[pos] == ' ' ? pos + 1 : pos;

    if (!is_other(text_char_at(p, end, from).cls))
        return space_end(p, end, pos, true);
    pos = run_of_others(p, end, from);
    while (pos < end && (is_newline(p[pos]) || (slash && p[pos] == '/')))
        pos++;
    return pos;
}

static size_t llama3_end(const uint8_t *p, size_t end, size_t pos, size_t numbers)
{
    size_t contracted = contraction_end(p, end, pos, true);

    if (contracted > pos)
        return contracted;
    struct text_char c = text_char_at(p, end, pos);
    if (is_letter(c.cls))
        return run_of_letters(p, end, pos);
    if (c.cls == TEXT_N)
        return run_of_numbers(p, end, pos, numbers);
    if (!is_newline(c.point)) {
        size_t word = run_of_letters(p, end, pos + c.len);
        if (word > pos + c.len)
            return word;
    }
    return rest_end(p, end, pos, false);
}

static bool is_upper(enum text_class c)
{
    return c == TEXT_LU || c == TEXT_LT || c == TEXT_LM || c == TEXT_LO || c == TEXT_M;
}

static bool is_lower(enum text_class c)
{
    return c == TEXT_LL || c == TEXT_LM || c == TEXT_LO || c == TEXT_M;
}

/* upper* lower+ at pos; its end, or pos. *uppers gets the end of upper*. Where no lower follows,
   upper* gives back as far as its last character that is a lower too. */
static size_t cased_end(const uint8_t *p, size_t end, size_t pos, size_t *uppers)
{
    size_t both = pos;
    struct text_char c;

    for (c = text_char_at(p, end, pos); is_upper(c.cls); c = text_char_at(p, end, pos)) {
        pos += c.len;
        if (is_lower(c.cls))
            both = pos;
    }
    *uppers = pos;
    if (!is_lower(c.cls))
        return both;
    for (; is_lower(c.cls); c = text_char_at(p, end, pos))
        pos += c.len;
    return pos;
}

static size_t gpt4o_end(const uint8_t *p, size_t end, size_t pos, bool contractions, size_t numbers)
{
    struct text_char c = text_char_at(p, end, pos);
    size_t uppers = pos, bare_uppers = pos, word = pos;

    if (!is_newline(c.point) && !is_letter(c.cls) && c.cls != TEXT_N) {
        size_t from = pos + c.len;
        size_t prefixed = cased_end(p, end, from, &uppers);
        word = prefixed > from ? prefixed : cased_end(p, end, pos, &bare_uppers);
        if (word == pos && uppers > from)
            word = uppers;
    } else {
        word = cased_end(p, end, pos, &bare_uppers);
    }
    if (word == pos)
        word = bare_uppers;
    if (word > pos)
        return contractions ? contraction_end(p, end, word, true) : word;
    if (c.cls == TEXT_N)
        return run_of_numbers(p, end, pos, numbers);
    return rest_end(p, end, pos, true);
}

/* ---- rules of several passes ----------------------------------------------------------------- */

static bool is_apart(struct text_char c)
{
    return c.cls == TEXT_P || (c.point < 0x80 && c.cls == TEXT_S && c.point != '`');
}

/* [\p{P}\$\+<=>\^~\|]+ or what lies between. */
static size_t punctuation_end(const uint8_t *p, size_t end, size_t pos)
{
    bool apart = is_apart(text_char_at(p, end, pos));

    for (;;) {
        struct text_char c = text_char_at(p, end, pos);
        if (c.cls == TEXT_END || is_apart(c) != apart)
            return pos;
        pos += c.len;
    }
}

static bool digit_at(const uint8_t *p, size_t end, size_t pos)
{
    return pos < end && p[pos] >= '0' && p[pos] <= '9';
}

static bool three_digits_at(const uint8_t *p, size_t end, size_t pos)
{
    return digit_at(p, end, pos) && digit_at(p, end, pos + 1) && digit_at(p, end, pos + 2);
}

static size_t default_end(struct text_pieces *i)
{
    const uint8_t *p = i->p;
    size_t pos = i->pos;

    if (pos >= i->outer)
        i->outer = punctuation_end(p, i->len, pos);
    if (pos >= i->word)
        i->word = gpt2_end(p, i->outer, pos);
    bool number = text_char_at(p, i->word, pos).cls == TEXT_N;
    if (pos >= i->run) {
        i->run = pos;
        for (;;) {
            struct text_char c = text_char_at(p, i->word, i->run);
            if (c.cls == TEXT_END || (c.cls == TEXT_N) != number)
                break;
            i->run += c.len;
        }
    }
    if (!number)
        return i->run;
    if (three_digits_at(p, i->run, pos))
        return pos + 3;
    while (pos < i->run && !three_digits_at(p, i->run, pos))
        pos++;
    return pos;
}

static size_t smollm_end(struct text_pieces *i)
{
    struct text_char c = text_char_at(i->p, i->len, i->pos);

    if (c.cls == TEXT_N)
        return i->pos + c.len;
    if (i->pos >= i->outer) {
        i->outer = i->pos;
        while (c.cls != TEXT_N && c.cls != TEXT_END) {
            i->outer += c.len;
            c = text_char_at(i->p, i->len, i->outer);
        }
    }
    return gpt2_end(i->p, i->outer, i->pos);
}

bool text_pieces_next(struct text_pieces *i, size_t *begin, size_t *end)
{
    size_t pos = i->pos;

    if (pos >= i->len)
        return false;
    *begin = pos;
    switch (i->rule) {
    case TEXT_PRE_DEFAULT:
        pos = default_end(i);
        break;
    case TEXT_PRE_GPT2:
        pos = gpt2_end(i->p, i->len, pos);
        break;
    case TEXT_PRE_SMOLLM:
        pos = smollm_end(i);
        break;
    case TEXT_PRE_LLAMA3:
        pos = llama3_end(i->p, i->len, pos, 3);
        break;
    case TEXT_PRE_QWEN2:
        pos = llama3_end(i->p, i->len, pos, 1);
        break;
    case TEXT_PRE_TEKKEN:
        pos = gpt4o_end(i->p, i->len, pos, false, 1);
        break;
    case TEXT_PRE_GPT4O:
        pos = gpt4o_end(i->p, i->len, pos, true, 3);
        break;
    }
    SU_ASSERT(pos > i->pos && pos <= i->len);
    i->pos = pos;
    *end = pos;
    return true;
}
