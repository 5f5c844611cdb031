// SPDX-License-Identifier: MIT
/* What the app's dialogs do with this machine: the very work of `splitup node register` and `splitup
   deploy register`, from fields in place of a command line. */
#include "ui_open.h"

#include "deploy.h"
#include "node_verbs.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct machine {
    struct cli c;
    struct cli_watch watch;
    char *words[2 * SU_UI_FIELDS + 2];
    int n_word;
    struct cli_deployed deployed;
    struct su_store *store;
    char uri[SU_URI_MAX + 1];
};

static void word(struct machine *m, const char *option, const char *value)
{
    if (option && !*value)
        return;
    if (option)
        m->words[m->n_word++] = (char *)(uintptr_t)option;
    m->words[m->n_word++] = (char *)(uintptr_t)value;
}

static enum su_code parse(struct machine *m, const char *verb, const struct su_ui_hooks *h,
                          struct su_err *e)
{
    const struct cli_verb *v = cli_verb_find(verb);

    if (!v)
        return su_fail(e, SU_EUNSUPPORTED, verb, "is not in this build");
    m->watch = (struct cli_watch){h->ctx, h->say, h->stop};
    m->c.watch = &m->watch;
    return cli_parse(&m->c, v, m->n_word, m->words, e);
}

static enum su_code examine(void *ctx, const struct su_ui_intent *i, const struct su_ui_hooks *h,
                            struct su_ops_node *out, struct su_err *e)
{
    struct machine *m = ctx;
    enum su_code rc;

    word(m, NULL, "register");
    word(m, "--vram", i->field[1]);
    h->say(h->ctx, "opening the device");
    rc = parse(m, "node", h, e);
    if (!rc)
        rc = cli_node_examine(&m->c, out, e);
    if (rc == SU_EUSAGE)
        rc = su_fail(e, SU_EINVAL, "Memory",
                     "give what may be used, e.g. 4GB: this device has none");
    return rc;
}

static enum su_code pack(struct machine *m, const struct su_ui_intent *i,
                         const struct su_ui_hooks *h, struct su_err *e)
{
    char local[4096];
    enum su_code rc;

    word(m, NULL, "register");
    word(m, "--target-vram", i->field[1]);
    word(m, "--ctx", i->field[2]);
    word(m, "--sessions", i->field[3]);
    word(m, "--serve-url", i->field[5]);
    rc = parse(m, "deploy", h, e);
    if (!rc)
        rc = cli_store_open(NULL, &m->store, e);
    if (!rc && strncasecmp(i->field[0], "hf:", 3) == 0)
        h->say(h->ctx, "asking huggingface.co for the model's files");
    if (!rc)
        rc = cli_model_watched(i->field[0], CLI_FETCH_ALL, &m->watch, local, e);
    h->say(h->ctx, "reading the model");
    return rc ? rc
              : cli_deployed_open(&m->c, local, i->field[4][0] ? i->field[4] : NULL, m->store,
                                  &m->deployed, e);
}

/* Also after half of the work. */
static void done(void *ctx)
{
    struct machine *m = ctx;

    cli_deployed_close(&m->deployed);
    su_store_close(m->store);
    memset(m, 0, sizeof *m);
}

static enum su_code deploy(void *ctx, const struct su_ui_intent *i, const struct su_ui_hooks *h,
                           struct su_ops_model *out, struct su_err *e)
{
    struct machine *m = ctx;
    enum su_code rc = pack(m, i, h, e);

    if (!rc)
        rc = cli_package_uri(&m->c, m->deployed.id, m->uri, e);
    if (rc) {
        done(m);
        return rc;
    }
    *out = (struct su_ops_model){.package = m->deployed.package, .uri = m->uri};
    h->say(h->ctx, "trying out its transactions");
    return SU_OK;
}

static enum su_code node(void *ctx, const struct su_ui_intent *i, const struct su_ui_hooks *h,
                         struct su_ops_node *out, struct su_err *e)
{
    enum su_code rc = examine(ctx, i, h, out, e);

    if (rc)
        done(ctx);
    return rc;
}

const struct su_ui_helper *cli_ui_helper(void)
{
    static struct machine machine; /* one app at a time in a process */
    static const struct su_ui_helper helper = {&machine, node, deploy, done};

    return &helper;
}
