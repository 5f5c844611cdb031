// SPDX-License-Identifier: MIT
#ifndef SU_CLI_PRIV_H
#define SU_CLI_PRIV_H

#include "base/base.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "exec/exec.h"
#include "graph/graph.h"
#include "model/model.h"
#include "plan/plan.h"
#include "store/store.h"
#include "text/text.h"
#include "json/json.h"

#define CLI_OPTION_MAX 32
#define CLI_ARG_MAX 16

/* arg NULL: a flag. */
struct cli_option {
    const char *name, *arg, *help;
};
struct cli;
struct cli_verb {
    const char *name;
    const char *args; /* positional arguments as shown in the synopsis */
    const char *summary; /* one line, no full stop */
    const char *detail; /* one paragraph, for help and man page */
    unsigned min_arg, max_arg;
    struct cli_option option[CLI_OPTION_MAX];
    enum su_code (*run)(struct cli *c, struct su_err *e);
};
extern const struct cli_verb *const cli_verbs[]; /* in order of display */
extern const unsigned cli_n_verbs;
const struct cli_verb *cli_verb_find(const char *name);

/* Who sees progress and stops long work, in place of stderr and SIGINT. */
struct cli_watch {
    void *ctx;
    void (*say)(void *ctx, const char *line);
    bool (*stop)(void *ctx);
};

/* A parsed command line. */
struct cli {
    const struct cli_verb *verb;
    const char *arg[CLI_ARG_MAX];
    unsigned n_arg;
    /* per option of the verb: its value, "" for a flag that is set, NULL when not given */
    const char *value[CLI_OPTION_MAX];
    bool tty; /* stderr is a terminal: progress lines are drawn */
    bool utf8; /* stdout takes UTF-8 */
    unsigned width, err_width; /* columns of stdout and stderr, 80 when unknown */
    const struct cli_watch *watch; /* NULL = nobody else */
};
void cli_look_at_terminal(struct cli *c); /* fills tty, utf8, width, err_width */
/* Edits (letters put in, left out or exchanged) between two words; 99 when b is longer than 62.
   Less than CLI_NEAR are a slip. */
unsigned cli_distance(const char *a, const char *b);
#define CLI_NEAR 4u
/* Fills *c from the words after the verb. SU_EUSAGE names the word and what was meant. */
SU_CHECK enum su_code cli_parse(struct cli *c, const struct cli_verb *verb, int argc, char **argv,
                                struct su_err *e);
const char *cli_get(const struct cli *c, const char *option); /* asserts that the verb has it */
bool cli_has(const struct cli *c, const char *option);

/* ---- output ---------------------------------------------------------------------------------- */

/* Rows of text cells in columns as wide as their widest cell; a column whose title begins with
   '>' is right-aligned. */
struct cli_table {
    unsigned n_column;
    const char *const *title;
    struct su_buf cells; /* zero-terminated, one after the other */
    unsigned n_cell;
};
void cli_table_init(struct cli_table *t, const char *const *title, unsigned n_column);
void cli_table_cell(struct cli_table *t, const char *fmt, ...) SU_PRINTF(2, 3);
void cli_table_print(struct cli_table *t); /* and frees */

/* Draws or clears the progress line on stderr, at most ten times a second unless force. */
void cli_progress(const struct cli *c, const char *what, const struct su_progress *p, bool force);
void cli_progress_clear(const struct cli *c);
/* Whether the command's long work is to end: cli_interrupted, or as its watch says. */
bool cli_stopped(const struct cli *c);
/* Set by SIGINT. */
bool cli_interrupted(void);
void cli_interrupt_clear(void); /* the work it stopped has ended */
/* Readable while cli_interrupted, so that waiting for input can end with it; -1 when there are no
   descriptors left. */
int cli_interrupt_fd(void);
/* Sends what was printed on its way. SU_ECANCELLED when the reader of a pipe has left: work whose
   output nobody sees stops, and the command ends quietly. SU_EIO, SU_ENOSPC ... otherwise. */
SU_CHECK enum su_code cli_flush(struct su_err *e);
bool cli_reader_left(void); /* since the last call */
/* Prints a finished JSON document and a newline, frees it, and flushes. */
SU_CHECK enum su_code cli_print_json(struct su_buf *b, struct su_err *e);
/* 28x28 digit as block art of two pixels a character, one line per call: text of line `row`
   (0..13). */
void cli_digit_line(const float pixel[784], unsigned row, bool utf8, char *out, size_t cap);

/* Words of text in lines of at most width columns; `column` is where the first line begins, the
   others begin at indent. */
void cli_print_wrapped(FILE *to, const char *text, unsigned width, int indent, int column);
void cli_print_help(FILE *to);
void cli_print_verb_help(const struct cli_verb *v, FILE *to);
void cli_print_mdoc(FILE *to); /* the commands' section of splitup(1) */
void cli_print_completion(FILE *to); /* for bash */

/* ---- shared by verbs ------------------------------------------------------------------------- */

/* How much of an hf:// model is fetched: all that running it needs, or what its shapes need. */
enum cli_fetch { CLI_FETCH_ALL, CLI_FETCH_SHAPES };
/* The path or name that stands for MODEL on this disk: word itself, or for hf://ORG/REPO/FILE[@REV]
   and hf://ORG/REPO[@REV] the path of links into the store, whose blobs are fetched first if need be
   (with a progress line on a terminal). SU_EINVAL, SU_ELIMIT: a malformed hf: URI; errors of
   su_store_fetch. */
SU_CHECK enum su_code cli_model_local(const char *word, enum cli_fetch how, char out[4096],
                                      struct su_err *e);
/* The same, watched: neither stderr nor SIGINT has a part in it. */
SU_CHECK enum su_code cli_model_watched(const char *word, enum cli_fetch how,
                                        const struct cli_watch *watch, char out[4096],
                                        struct su_err *e);
/* A model by name or folder, or the graph of a *.graph file (then model is NULL). */
struct cli_model {
    struct su_model *model;
    struct su_graph *file; /* owned when model is NULL */
    const struct su_graph *graph;
    char name[128];
};
SU_CHECK enum su_code cli_model_open(const char *word, struct cli_model *out, struct su_err *e);
/* The same, and language models of which only the config.json is here (su_model_open_shapes). */
SU_CHECK enum su_code cli_model_open_shapes(const char *word, enum su_llm_quant quant,
                                            struct cli_model *out, struct su_err *e);
void cli_model_close(struct cli_model *m);
/* Parses --target-vram: one size, or a list with commas, into target[cap]; *n is how many.
   SU_EINVAL: 0, or no size; SU_EOVERFLOW; SU_ELIMIT: more than cap. */
SU_CHECK enum su_code cli_targets(const char *text, uint64_t *target, uint32_t cap, uint32_t *n,
                                  struct su_err *e);
/* What --backend, --device and --threads say, by the rules of cli_exec_open; cache_dir is not set,
   device is borrowed from the command line. SU_EINVAL, SU_EUSAGE. */
SU_CHECK enum su_code cli_exec_options(const struct cli *c, struct su_exec_opts *o,
                                       struct su_err *e);
/* Opens the backend that --backend, --device and --threads name; without them: vulkan when a GPU
   is there, else cpu. Errors: SU_EINVAL, SU_EUSAGE for options that exclude each other, and
   those of su_exec_open. */
SU_CHECK enum su_code cli_exec_open(const struct cli *c, struct su_exec **out, struct su_err *e);

/* `splitup run` of an opened language model. */
SU_CHECK enum su_code cli_llm_run(const struct cli *c, struct cli_model *m, struct su_err *e);

/* ---- estimates of language models (estimate.c) ----------------------------------------------- */

/* The devices and links that an estimate assumes. */
struct cli_link {
    double bits_per_second, seconds; /* rate and one-way delay between devices */
    double bytes_per_second; /* of a device's memory */
};
/* Parses "1Gb,20ms": bits per second in Kb, Mb or Gb (powers of 1000), delay in us, ms or s; either may
   be left out ("1Gb", "20ms"). SU_EINVAL. */
SU_CHECK enum su_code cli_link_parse(const char *text, struct cli_link *l, struct su_err *e);
/* One token of one session: every task reads what it needs of its weights, and the state of up to
   1024 positions, from memory once; results cross the links; the token goes back to the first task.
   Arithmetic is taken to hide behind the reading. */
struct cli_estimate {
    uint64_t bytes_read; /* by all tasks */
    double token_seconds; /* along the slowest path of tasks */
    double
        slowest_seconds; /* the longest of the tasks and of their links: one token each so often */
};
struct cli_estimate cli_estimate_token(const struct su_plan *p, const struct cli_link *l);

#endif
