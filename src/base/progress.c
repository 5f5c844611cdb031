// SPDX-License-Identifier: MIT
#include "base/base.h"

#include <string.h>

#define PROGRESS_SMOOTH_S 3.0 /* a step of this length moves the rate half of the way */
#define PROGRESS_STEP_NS 100000000u
#define PROGRESS_AMOUNT_MAX 48

void su_progress_init(struct su_progress *p, uint64_t total, const char *unit, uint64_t now_ns)
{
    *p = (struct su_progress){.start_ns = now_ns, .last_ns = now_ns, .total = total};
    (void)su_str_copy(p->unit, sizeof p->unit, unit);
}

/* An exponential average over time, so that calls may come at any pace. Steps shorter than a
   tenth of a second only count `done`, as their rate is mostly noise. */
void su_progress_set(struct su_progress *p, uint64_t done, uint64_t now_ns)
{
    uint64_t span_ns = now_ns > p->last_ns ? now_ns - p->last_ns : 0;
    uint64_t before = p->mark;

    p->done = done;
    if (span_ns < PROGRESS_STEP_NS)
        return;
    double span_s = (double)span_ns / 1e9;
    double rate = done > before ? (double)(done - before) / span_s : 0;
    bool first = p->last_ns == p->start_ns;
    double weight = first ? 1 : span_s / (span_s + PROGRESS_SMOOTH_S);
    p->rate += weight * (rate - p->rate);
    p->mark = done;
    p->last_ns = now_ns;
}

static void put_amount(const struct su_progress *p, uint64_t v, char *out)
{
    if (strcmp(p->unit, "B") == 0)
        (void)su_format_size(v, out, PROGRESS_AMOUNT_MAX);
    else
        (void)snprintf(out, PROGRESS_AMOUNT_MAX, "%llu", (unsigned long long)v);
}

static void put_rate(const struct su_progress *p, char *out)
{
    double rate = SU_MIN(p->rate, 1e18);
    unsigned tenths = rate < 100 ? (unsigned)(rate * 10 + 0.5) : 0;

    if (tenths % 10 && strcmp(p->unit, "B") != 0)
        (void)snprintf(out, PROGRESS_AMOUNT_MAX, "%u.%u", tenths / 10, tenths % 10);
    else
        put_amount(p, (uint64_t)(rate + 0.5), out);
}

static void put_time(double seconds, char *out, size_t cap)
{
    if (seconds > 359999) {
        (void)su_str_copy(out, cap, "over 99 h");
        return;
    }
    unsigned s = (unsigned)(seconds + 0.5);
    if (s >= 3600)
        (void)snprintf(out, cap, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(out, cap, "%u:%02u", s / 60, s % 60);
}

const char *su_progress_line(const struct su_progress *p, char *out, size_t cap)
{
    char done[PROGRESS_AMOUNT_MAX], total[PROGRESS_AMOUNT_MAX], rate[PROGRESS_AMOUNT_MAX], left[32];
    bool bytes = strcmp(p->unit, "B") == 0;
    struct su_buf line;

    su_buf_init(&line, 0);
    put_amount(p, p->done, done);
    put_rate(p, rate);
    su_buf_str(&line, done);
    if (p->total) {
        put_amount(p, p->total, total);
        su_buf_printf(&line, " of %s", total);
    }
    if (!bytes)
        su_buf_printf(&line, " %s", p->unit);
    if (p->rate > 0) {
        su_buf_printf(&line, ", %s%s%s/s", rate, bytes ? "" : " ", bytes ? "" : p->unit);
        if (p->total > p->done) {
            put_time((double)(p->total - p->done) / p->rate, left, sizeof left);
            su_buf_printf(&line, ", %s left", left);
        }
    }
    (void)su_str_copy(out, cap, line.data ? (const char *)line.data : "");
    su_buf_fini(&line);
    return out;
}
