// SPDX-License-Identifier: MIT
/* Tab behind ":": each type of word that a command's table names is completed from what there is. */
#include "ui_kit.h"

#include "ui/app/command.h"
#include "ui/widgets/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *word, *args;
    struct {
        const char *name, *arg;
    } option[4];
} verbs[] = {
    {"doctor", "", {{"--json", NULL}}},
    {"stake", "", {{NULL, NULL}}},
    {"stake show", "", {{"--node", "IDENTITY"}, {"--url", "CLUSTER"}}},
    {"request show", "EXECUTION", {{"--json", NULL}}},
    {"perplexity", "MODEL FILE", {{"--backend", "vulkan|cpu|reference"}, {"--batch", "N"}}},
    {"oracle admit", "KEY...", {{NULL, NULL}}},
    {"oracle status", "[HOST:PORT]", {{NULL, NULL}}},
    {"wallet balance", "[ADDRESS]", {{NULL, NULL}}},
    {"tx", "SIGNATURE", {{"--json", NULL}, {"--raw", NULL}}},
};

static const char *verb(size_t i, const char **args)
{
    if (i >= SU_ARRAY_LEN(verbs))
        return NULL;
    if (args)
        *args = verbs[i].args;
    return verbs[i].word;
}

static const char *option(size_t i, size_t k, const char **arg)
{
    if (k >= SU_ARRAY_LEN(verbs[0].option))
        return NULL;
    *arg = verbs[i].option[k].arg;
    return verbs[i].option[k].name;
}

static const struct su_ui_options outside = {.verb = verb, .option = option};

static void open_with_names(struct kit *k)
{
    struct su_err e;

    kit_open(k, UI_FIXTURE_LIVE, 100, 30);
    k->app.outside = &outside;
    assert_int_equal(ui_labels_set(&k->app.labels, k->snap->node[1].identity, "gpu-1", &e), SU_OK);
    assert_int_equal(ui_labels_set(&k->app.labels, k->snap->node[2].identity, "gpu-2", &e), SU_OK);
    assert_int_equal(ui_labels_set(&k->app.labels, k->snap->execution[0].key, "first", &e), SU_OK);
}

/* $n, $m, $x, $o: the addresses of node 1, model 0, execution 0, oracle 0. */
static void fill(const struct kit *k, const char *text, char out[SU_UI_TEXT])
{
    char key[UI_FORMAT];
    size_t n = 0;

    for (; *text; text++) {
        const uint8_t *a = k->snap->node[1].identity;
        if (*text != '$') {
            out[n++] = *text;
            continue;
        }
        a = *++text == 'm' ? k->snap->model[0].key
            : *text == 'x' ? k->snap->execution[0].key
            : *text == 'o' ? k->snap->oracle[0].key
            : *text == 'w' ? k->snap->wallet
                           : a;
        n += (size_t)snprintf(out + n, SU_UI_TEXT - n, "%s", ui_key_full(a, key));
    }
    out[n] = 0;
}

static void every_type(void **state)
{
    static const struct {
        const char *line, *want, *says;
    } row[] = {
        /* commands, own and the program's; of two words the second is listed */
        {"doc", "doctor ", ""},
        {"stak", "stake ", ""},
        {"stake ", "stake ", "deposit  withdraw  take-out  claim  show"},
        {"stake s", "stake show ", ""},
        {"oracle ", "oracle ", "admit  status"},
        {"o", "oracle ", "oracle admit  oracle status"},
        /* names of one's own, of nodes */
        {"stake deposit 5 --node gpu", "stake deposit 5 --node gpu-", "'gpu-1'  'gpu-2'"},
        {"stake deposit 5 --node GPU-1", "stake deposit 5 --node $n ", "'gpu-1'"},
        {"stake claim gpu-1", "stake claim $n ", "'gpu-1'"},
        {"stake claim o", "stake claim own ", ""},
        {"stake show --node=gpu-1", "stake show --node=$n ", "'gpu-1'"},
        {"label gpu-1", "label $n ", "'gpu-1'"},
        /* models by their name on chain, executions by their own */
        {"node declare llama-3.1-8", "node declare $m ", "llama-3.1-8b"},
        {"run llama", "run llama-3.1-", "llama-3.1-8b"},
        {"run llama-3.1-8", "run $m ", "llama-3.1-8b"},
        {"request cancel fir", "request cancel $x ", "'first'"},
        {"request show fir", "request show $x ", "'first'"},
        {"perplexity llama-3.1-8", "perplexity $m ", "llama-3.1-8b"},
        {"wallet balance LLAMA-3.1-8", "wallet balance $m ", "llama-3.1-8b"},
        /* endpoints stand for who is there; or for themselves */
        {"oracle admit 203.0.113.0", "oracle admit $o ", "203.0.113.0:7900"},
        {"oracle admit x y 203.0.113.0", "oracle admit x y $o ", "203.0.113.0:7900"},
        {"oracle status 198.51.100.1:", "oracle status 198.51.100.1:7700 ", ""},
        {"node register --endpoint 198.51.100.1:", "node register --endpoint 198.51.100.1:7700 ",
         ""},
        /* options and their values */
        {"stake show --n", "stake show --node ", ""},
        {"stake show --", "stake show --", "--node  --url"},
        {"stake show --url d", "stake show --url devnet ", ""},
        {"perplexity a b --backend r", "perplexity a b --backend reference ", ""},
        {"perplexity --backend=c", "perplexity --backend=cpu ", ""},
        {"perplexity --backend", "perplexity --backend ", ""},
        {"stake deposit 5 --", "stake deposit 5 --node ", ""},
        {"deploy register m --s", "deploy register m --se", "--sessions  --serve-url"},
        {"tx 5 --r", "tx 5 --raw ", ""},
        /* words of the app */
        {"charset a", "charset a", "acs  ascii"},
        {"charset u", "charset utf8 ", ""},
        {"pane be", "pane beats ", ""},
        {"sort na", "sort name ", ""},
        {"sort name d", "sort name desc ", ""},
        {"cluster t", "cluster testnet ", ""},
        /* what nobody can know */
        {"stake deposit ", "stake deposit ", "Amount, USDC;  --node"},
        {"tx ", "tx ", "SIGNATURE;  --json  --raw"},
        {"doctor ", "doctor ", "--json"},
        {"stake claim zzz", "stake claim zzz", "Nothing here begins with zzz"},
        {"pane x", "pane x", "Nothing here begins with x"},
        {"quit ", "quit ", ""},
    };
    struct ui_completion c;
    char want[SU_UI_TEXT];
    struct kit k;

    (void)state;
    open_with_names(&k);
    for (size_t i = 0; i < SU_ARRAY_LEN(row); i++) {
        fill(&k, row[i].want, want);
        if (!ui_command_complete(&k.app, row[i].line, &c) || c.path || strcmp(c.text, want) != 0 ||
            strncmp(c.say, row[i].says, strlen(row[i].says)) != 0 || (!row[i].says[0] && c.say[0]))
            fail_msg("%s: \"%s\" and \"%s\"%s", row[i].line, c.text, c.say, c.path ? ", path" : "");
    }
    assert_false(ui_command_complete(&k.app, "xyz", &c));
    assert_false(ui_command_complete(&k.app, "xyz abc", &c));
    kit_close(&k);
}

/* What a name of the chain says is not typed into a line. */
static void hostile_names_are_no_words(void **state)
{
    static const char *const name[2] = {"ev\x1b[31mil-a", "ev\x1b[31mil-b"};
    struct su_feed_model model[2];
    struct ui_completion c;
    struct kit k;

    (void)state;
    kit_open(&k, UI_FIXTURE_LIVE, 100, 30);
    for (size_t i = 0; i < 2; i++) {
        model[i] = k.snap->model[i];
        su_str_copy(model[i].name, sizeof model[i].name, name[i]);
    }
    k.snap->model = model;
    k.snap->n_model = 2;
    assert_true(ui_command_complete(&k.app, "node declare e", &c));
    assert_string_equal(c.text, "node declare e");
    assert_string_equal(c.say, "Nothing here begins with e");
    kit_close(&k);
    kit_open(&k, UI_FIXTURE_HOSTILE, 100, 30);
    k.app.outside = &outside;
    for (int ch = ' '; ch < 0x7f; ch++) {
        char line[] = "node declare ?";
        line[sizeof line - 2] = (char)ch;
        assert_true(ui_command_complete(&k.app, line, &c));
        for (const char *p = c.text; *p; p++)
            assert_in_range(*p, ' ', 0x7e);
        assert_null(strpbrk(c.text + 13, ch == '"' ? "" : "\""));
    }
    kit_close(&k);
}

static void answer(struct kit *k, const char *path, const char *names)
{
    struct su_ui_result r = {.outcome = SU_UI_COMPLETED, .kind = k->intent.kind, .token = 1};

    su_str_copy(r.text, sizeof r.text, path);
    su_str_copy(r.title, sizeof r.title, names);
    kit_result(k, &r);
}

/* Paths are asked for, and come later; what was typed meanwhile stays as it is. */
static void paths_are_asked_for(void **state)
{
    struct kit k;

    (void)state;
    open_with_names(&k);
    kit_keys(&k, ":wallet import /tm{Tab}");
    assert_int_equal(k.submits[SU_UI_COMPLETE], 1);
    assert_string_equal(k.intent.field[0], "/tm");
    answer(&k, "/tmp/", "");
    assert_string_equal(k.app.prompt.in.text, "wallet import /tmp/");
    kit_keys(&k, "{Tab}");
    answer(&k, "/tmp/wallet-", "wallet-a.json wallet-b.json");
    assert_string_equal(k.app.prompt.in.text, "wallet import /tmp/wallet-");
    assert_true(kit_has(&k, "wallet-a.json wallet-b.json"));
    kit_keys(&k, "{Tab}");
    answer(&k, "/tmp/wallet-", "");
    assert_true(kit_has(&k, "Nothing to add"));
    kit_keys(&k, "{Tab}x"); /* typed on before it came */
    answer(&k, "/tmp/wallet-a.json", "");
    assert_string_equal(k.app.prompt.in.text, "wallet import /tmp/wallet-x");
    answer(&k, "/tmp/other", "");
    assert_string_equal(k.app.prompt.in.text, "wallet import /tmp/wallet-x");
    /* Blanks are quoted, and what is behind the cursor stays. */
    kit_keys(&k, "{C-u}perplexity llama.gguf ./te --batch 3");
    for (size_t i = strlen(" --batch 3"); i > 0; i--)
        kit_keys(&k, "{Left}");
    kit_keys(&k, "{Tab}");
    assert_string_equal(k.intent.field[0], "./te");
    answer(&k, "./te xt", "");
    assert_string_equal(k.app.prompt.in.text, "perplexity llama.gguf \"./te xt --batch 3");
    kit_keys(&k, "{Tab}"); /* the quote is not a part of it */
    assert_string_equal(k.intent.field[0], "./te xt");
    answer(&k, "./te xt.txt", "");
    assert_string_equal(k.app.prompt.in.text, "perplexity llama.gguf \"./te xt.txt --batch 3");
    kit_keys(&k, "\"{Enter}");
    assert_int_equal(k.actions[UI_ACT_OUTSIDE], 1);
    assert_string_equal(k.app.text, "perplexity llama.gguf \"./te xt.txt\" --batch 3");
    /* In a form's command and in the app's own words quotes are taken off. */
    kit_keys(&k, ":wallet import \"/a b\" /c{Enter}");
    assert_int_equal(k.app.mode, UI_FORM);
    assert_string_equal(k.app.form.in[0].text, "/a b");
    assert_string_equal(k.app.form.in[1].text, "/c");
    kit_keys(&k, "{Esc}{Esc}:write \"/tmp/a b.tsv\"{Enter}");
    assert_string_equal(k.app.text, "/tmp/a b.tsv");
    kit_keys(&k, ":write /tmp/a b.tsv{Enter}");
    assert_string_equal(k.app.text, "/tmp/a b.tsv");
    kit_close(&k);
}

static void lines_keep_their_shape(void **state)
{
    char line[SU_UI_TEXT], want[SU_UI_TEXT];
    struct ui_completion c;
    struct kit k;

    (void)state;
    open_with_names(&k);
    kit_keys(&k, ":  splitup stake claim gpu-1{Tab}");
    fill(&k, "  splitup stake claim $n ", want);
    assert_string_equal(k.app.prompt.in.text, want);
    assert_true(kit_has(&k, "'gpu-1'"));
    kit_keys(&k, "{C-u}no such{Tab}");
    assert_true(kit_has(&k, "No command begins with no such"));
    kit_keys(&k, "{Home}{Tab}{Esc}");
    /* However long, what does not fit is left as it was. */
    for (size_t n = SU_UI_TEXT - 80; n < SU_UI_TEXT; n++) {
        memset(line, 'x', sizeof line);
        memcpy(line, "stake claim --node", 18);
        line[18] = line[n - 6] = ' ';
        memcpy(line + n - 5, "gpu-1", 6);
        (void)ui_command_complete(&k.app, line, &c);
        assert_true(strncmp(c.text, line, n - 5) == 0);
        ui_command_path(line, n - 5, "/tmp/a path that is much longer than what there was", want);
        assert_true(strncmp(want, line, n - 5) == 0);
    }
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(hostile_names_are_no_words),
        cmocka_unit_test(paths_are_asked_for),
        cmocka_unit_test(lines_keep_their_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
