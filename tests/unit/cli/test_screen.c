// SPDX-License-Identifier: MIT
/* The block under a streaming answer, on a small terminal of our own; and the lines of stages. */
#include "cli/screen.h"
#include "cli/stages.h"
#include "unit.h"

#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a terminal ------------------------------------------------------------------------------ */

enum { W = 20, H = 24 };
struct terminal {
    char cell[H][W + 1];
    int x, y, saved_x, saved_y; /* x == W: the line is full, the next character begins another */
    unsigned scrolled;
};

static void blank(char *row, int from)
{
    memset(row + from, ' ', (size_t)(W - from));
    row[W] = 0;
}

static void down(struct terminal *t)
{
    if (t->y + 1 < H) {
        t->y++;
        return;
    }
    memmove(t->cell[0], t->cell[1], sizeof t->cell - sizeof t->cell[0]);
    blank(t->cell[H - 1], 0);
    t->scrolled++;
}

static const char *escape(struct terminal *t, const char *p)
{
    long n;
    char *end;

    switch (*p) {
    case '7':
        t->saved_x = t->x;
        t->saved_y = t->y;
        return p + 1;
    case '8':
        t->x = t->saved_x;
        t->y = t->saved_y;
        return p + 1;
    case 'D':
        down(t);
        return p + 1;
    default:
        break;
    }
    assert_int_equal(*p, '[');
    n = strtol(p + 1, &end, 10);
    if (*end == 'A') {
        t->y -= (int)SU_MAX(n, 1L);
        assert_true(t->y >= 0);
    } else if (*end == 'B') {
        t->y = SU_MIN(t->y + (int)SU_MAX(n, 1L), H - 1);
    } else if (*end == 'J') {
        assert_true(t->x < W); /* there it would take the last character away */
        blank(t->cell[t->y], t->x);
        for (int y = t->y + 1; y < H; y++)
            blank(t->cell[y], 0);
    } else {
        assert_int_equal(*end, 'm');
    }
    return end + 1;
}

static void feed(struct terminal *t, const char *p)
{
    while (*p) {
        char c = *p++;
        if (c == '\033') {
            p = escape(t, p);
        } else if (c == '\r') {
            t->x = 0;
        } else if (c == '\n') {
            t->x = 0;
            down(t);
        } else {
            if (t->x == W) {
                t->x = 0;
                down(t);
            }
            t->cell[t->y][t->x++] = c;
        }
    }
}

/* What the two streams put on one terminal, in their order. */
static int both_before[2] = {-1, -1}, both_fd = -1;

static void both_begin(void)
{
    (void)fflush(NULL);
    both_fd = open(scratch_path("both"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
    assert_true(both_fd >= 0);
    for (int i = 0; i < 2; i++) {
        both_before[i] = dup(i + 1);
        assert_int_equal(dup2(both_fd, i + 1), i + 1);
    }
}

static const char *both_end(void)
{
    static char text[1 << 20];
    (void)fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(both_before[i], i + 1);
        close(both_before[i]);
    }
    ssize_t n = pread(both_fd, text, sizeof text - 1, 0);
    close(both_fd);
    assert_true(n >= 0);
    text[n] = 0;
    return text;
}

static struct cli_screen a_screen(void)
{
    struct cli c = {.tty = true};
    struct cli_screen s;

    setenv("COLUMNS", "20", 1);
    setenv("NO_COLOR", "1", 1);
    cli_screen_begin(&s, &c, false);
    assert_int_equal(s.width, W);
    assert_false(s.color);
    s.mixed = true; /* though stdout is a file here */
    return s;
}

static void show(struct cli_screen *s, const char *lines)
{
    struct su_buf b;

    su_buf_init(&b, 0);
    su_buf_str(&b, lines);
    cli_screen_show(s, &b);
    su_buf_fini(&b);
}

static void expect_row(const struct terminal *t, int y, const char *want)
{
    char row[W + 1];

    (void)snprintf(row, sizeof row, "%-*s", W, want);
    assert_string_equal(t->cell[y], row);
}

static struct terminal fresh(void)
{
    struct terminal t = {.x = 0};

    for (int y = 0; y < H; y++)
        blank(t.cell[y], 0);
    return t;
}

/* ---- the block ------------------------------------------------------------------------------- */

static void test_block_stands_below(void **state)
{
    (void)state;
    struct cli_screen s = a_screen();
    struct terminal t = fresh();
    both_begin();
    cli_screen_text(&s, "Once", 4);
    show(&s, "one\ntwo\n");
    cli_screen_text(&s, " upon a time", 12);
    feed(&t, both_end());
    expect_row(&t, 0, "Once upon a time");
    expect_row(&t, 1, "one");
    expect_row(&t, 2, "two");
    both_begin();
    cli_screen_text(&s, " there\nwas", 10); /* wraps, and breaks */
    feed(&t, both_end());
    expect_row(&t, 0, "Once upon a time the");
    expect_row(&t, 1, "re");
    expect_row(&t, 2, "was");
    expect_row(&t, 3, "one");
    expect_row(&t, 4, "two");
    expect_row(&t, 5, "");
    both_begin();
    show(&s, "three\n");
    cli_screen_end(&s);
    fputs("!", stdout);
    feed(&t, both_end());
    expect_row(&t, 2, "was!");
    expect_row(&t, 3, "");
    expect_row(&t, 4, "");
}

/* Whatever comes, the answer is what it would be without a block, and the block is below it. */
static void test_block_never_harms(void **state)
{
    (void)state;
    static const char *const word[] = {"a",  "bcd ", "efghij", "\n", "klmnopqrstuvwxyzabcdefghi",
                                       " z", "\n\n", "."};
    uint32_t seed = 1;
    for (int run = 0; run < 40; run++) {
        struct cli_screen s = a_screen();
        struct terminal t = fresh(), plain = fresh();
        for (int i = 0; i < 60; i++) {
            seed = seed * 1664525u + 1013904223u;
            const char *w = word[seed >> 29];
            both_begin();
            if (seed >> 24 & 1)
                show(&s, seed >> 25 & 1 ? "one\ntwo\nthree\n" : "four\n");
            cli_screen_text(&s, w, strlen(w));
            feed(&t, both_end());
            feed(&plain, w);
        }
        both_begin();
        cli_screen_end(&s);
        feed(&t, both_end());
        int above = (int)(t.scrolled - plain.scrolled); /* room for the block stays */
        assert_true(above >= 0 && above <= 3);
        for (int y = 0; y + above < H; y++)
            assert_string_equal(t.cell[y], plain.cell[y + above]);
        assert_int_equal(t.x, plain.x);
        assert_int_equal(t.y, plain.y - above);
    }
}

static void test_strangers_cannot_draw(void **state)
{
    (void)state;
    struct cli_screen s = a_screen();
    both_begin();
    cli_screen_text(&s,
                    "a\033[2Jb\tc\x7f\xc2\x9b"
                    "d\xff\n",
                    14);
    assert_string_equal(both_end(), "a?[2Jb\tc??d?\n");
    cli_screen_end(&s);
    s.mixed = false; /* a pipe gets what was said */
    both_begin();
    cli_screen_text(&s, "a\033[2Jb", 6);
    assert_string_equal(both_end(), "a\033[2Jb");
}

static void test_no_block(void **state)
{
    (void)state;
    struct cli c = {.tty = false};
    struct cli_screen s;
    cli_screen_begin(&s, &c, false);
    both_begin();
    show(&s, "one\n");
    cli_screen_text(&s, "text\n", 5);
    show(&s, "two\n");
    cli_screen_clear(&s);
    cli_screen_end(&s);
    assert_string_equal(both_end(), "text\n");
    c.tty = true;
    cli_screen_begin(&s, &c, true); /* quiet */
    both_begin();
    show(&s, "one\n");
    cli_screen_end(&s);
    assert_string_equal(both_end(), "");
}

static void test_block_alone(void **state)
{
    (void)state;
    struct cli_screen s = a_screen();
    struct terminal t = fresh();
    unsigned width, rows;
    s.mixed = false; /* the answer goes elsewhere */
    cli_screen_room(&s, &width, &rows);
    assert_int_equal(width, W - 1);
    assert_int_equal(rows, H / 2);
    both_begin();
    show(&s, "one\ntwo\n");
    show(&s, "three\nfour\n");
    feed(&t, both_end());
    expect_row(&t, 0, "three");
    expect_row(&t, 1, "four");
    both_begin();
    cli_screen_end(&s);
    feed(&t, both_end());
    expect_row(&t, 0, "");
    expect_row(&t, 1, "");
    assert_int_equal(t.y, 0);
}

/* ---- stages ---------------------------------------------------------------------------------- */

static struct cli_stage a_stage(double compute, double wait, double network)
{
    struct cli_stage k = {.endpoint = "127.0.0.1:1",
                          .report = {.backend = "vulkan",
                                     .ms = compute,
                                     .wait_ms = wait,
                                     .network_ms = network,
                                     .steps = 23}};

    memset(k.node, 7, 32);
    return k;
}

static const char *line_of(const struct cli_stage *k, unsigned width, bool utf8, bool color)
{
    static struct su_buf b;
    const struct cli_look look = {width, utf8, color};

    su_buf_clear(&b);
    cli_stage_line(&b, k, 1, 3, &look);
    su_buf_u8(&b, 0);
    return (const char *)b.data;
}

static void test_stage_line(void **state)
{
    (void)state;
    struct cli_stage k = a_stage(41, 52, 7), none = {.report = CLI_TASK_REPORT_NONE};
    assert_string_equal(line_of(&k, 100, false, false),
                        "stage 2/3 US51..ELFx vulkan ########-----------~ compute 41 % wait 52 % "
                        "network  7 %     23 steps");
    assert_string_equal(line_of(&k, 79, false, false),
                        "stage 2/3 US51..ELFx vulkan ######--------~ compute 41 % wait 52 % "
                        "network  7 %");
    assert_string_equal(line_of(&k, 60, false, false),
                        "stage 2/3 US51..ELFx vulkan ########-----------~ 41/52/ 7 %");
    assert_string_equal(line_of(&k, 32, false, false), "stage 2/3 US51..ELFx 41/52/ 7 %");
    assert_non_null(strstr(line_of(&k, 79, true, false), "\u2588"));
    assert_non_null(strstr(line_of(&k, 79, false, true), "\033[32m"));
    assert_string_equal(line_of(&none, 79, false, false), "stage 2/3 no node yet");
    none = a_stage(-1, 0, 0);
    assert_string_equal(line_of(&none, 79, false, false),
                        "stage 2/3 US51..ELFx has told nothing yet");
    none.committed = true;
    assert_string_equal(line_of(&none, 79, false, false), "stage 2/3 US51..ELFx committed");
    none = a_stage(0, 0, 0);
    assert_string_equal(line_of(&none, 79, false, false), "stage 2/3 US51..ELFx has just begun");
}

/* No line is ever wider than what there is. */
static void test_stage_line_fits(void **state)
{
    (void)state;
    struct cli_stage k = a_stage(1e9, 1, 333333333.25), none = {.report = CLI_TASK_REPORT_NONE};
    k.report.steps = UINT32_MAX;
    for (unsigned w = 0; w < 130; w++) {
        assert_true(strlen(line_of(&k, w, false, false)) <= w);
        assert_true(strlen(line_of(&none, w, false, false)) <= w);
    }
}

static void test_shares(void **state)
{
    (void)state;
    unsigned share[3];
    for (unsigned i = 0; i < 2000; i++) {
        struct cli_stage k = a_stage(i % 13, i % 17, i / 100);
        if (!cli_stage_shares(&k.report, share))
            assert_true(i % 13 + i % 17 + i / 100 == 0);
        else
            assert_int_equal(share[0] + share[1] + share[2], 100);
    }
}

static void test_stage_lines(void **state)
{
    (void)state;
    struct cli_stage k[5];
    const struct cli_look look = {79, false, false};
    struct su_buf b;
    for (unsigned i = 0; i < 5; i++)
        k[i] = a_stage(i == 3 ? 50 : i == 1 ? 40 : 5, 10, 0);
    su_buf_init(&b, 0);
    cli_stage_lines(&b, k, 5, 5, &look);
    su_buf_u8(&b, 0);
    assert_non_null(strstr((char *)b.data, "stage 5/5"));
    su_buf_clear(&b);
    cli_stage_lines(&b, k, 5, 3, &look);
    su_buf_u8(&b, 0);
    char *text = (char *)b.data;
    assert_non_null(strstr(text, "stage 2/5"));
    assert_non_null(strstr(text, "stage 4/5"));
    assert_null(strstr(text, "stage 1/5"));
    assert_non_null(strstr(text, "3 stages that compute less\n"));
    su_buf_fini(&b);
}

/* ---- who is asked ---------------------------------------------------------------------------- */

static void test_stages_of_nobody(void **state)
{
    (void)state;
    struct su_ops_part part[2] = {{.attempt = 0}};
    struct su_ops_follow_state s = {.n_part = 2, .part = part};
    struct cli_stage k[4];
    struct cli_stages *w = cli_stages_open();
    assert_non_null(w);
    assert_int_equal(cli_stages_get(w, k, 4), 0);
    cli_stages_see(w, &s);
    memset(part[1].node, 9, 32);
    (void)su_str_copy(part[1].endpoint, sizeof part[1].endpoint, "127.0.0.1:1");
    part[1].flags = SU_TASKF_COMMITTED;
    cli_stages_see(w, &s);
    assert_int_equal(cli_stages_get(w, k, 1), 1);
    assert_int_equal(cli_stages_get(w, k, 4), 2);
    assert_true(k[1].committed && !k[1].done && k[1].report.ms < 0);
    assert_int_equal(k[1].node[0], 9);
    cli_stages_close(w);
    cli_stages_see(NULL, &s);
    assert_int_equal(cli_stages_get(NULL, k, 4), 0);
    cli_stages_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_stands_below),    cmocka_unit_test(test_block_never_harms),
        cmocka_unit_test(test_strangers_cannot_draw), cmocka_unit_test(test_no_block),
        cmocka_unit_test(test_block_alone),           cmocka_unit_test(test_stage_line),
        cmocka_unit_test(test_stage_line_fits),       cmocka_unit_test(test_shares),
        cmocka_unit_test(test_stage_lines),           cmocka_unit_test(test_stages_of_nobody),
    };
    setlocale(LC_CTYPE, "");
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
