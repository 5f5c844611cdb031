// SPDX-License-Identifier: MIT
/* splitup doctor: what this machine can run, and why not what it cannot. */
#include "cli_priv.h"

#include <stdlib.h>
#include <string.h>

/* The conformance suite on one backend or device. */
struct checkup {
    char device[320];
    enum su_backend backend;
    bool ran;
    struct su_err err;
    struct su_conformance *suite;
};
struct report {
    struct su_device *device;
    size_t n_device;
    struct su_err vulkan_err; /* why there are no devices */
    struct checkup *check;
    size_t n_check;
    bool vulkan_ok, cpu_ok;
};

struct progress_ctx {
    const struct cli *cli;
    const char *what;
    struct su_progress p;
};

static bool on_progress(void *ctx, uint32_t done, uint32_t total)
{
    struct progress_ctx *pc = ctx;
    if (done == 0)
        su_progress_init(&pc->p, total, "probes", su_clock_mono_ns());
    su_progress_set(&pc->p, done, su_clock_mono_ns());
    cli_progress(pc->cli, pc->what, &pc->p, true);
    return !cli_interrupted();
}

/* SU_ECANCELLED stops the doctor; any other failure is a finding. */
static enum su_code check_one(const struct cli *c, enum su_backend backend, const char *device,
                              struct checkup *out, struct su_err *e)
{
    struct su_exec_opts o = {.backend = backend, .device = device};
    struct su_exec *x = NULL;
    out->backend = backend;
    su_str_copy(out->device, sizeof out->device, device ? device : su_backend_name(backend));
    if (su_exec_open(&o, &x, &out->err) != SU_OK)
        return SU_OK;
    su_str_copy(out->device, sizeof out->device, su_exec_device_name(x));
    out->suite = su_alloc(sizeof *out->suite);
    struct progress_ctx pc = {.cli = c, .what = out->device};
    enum su_code rc = su_conformance_run(x, on_progress, &pc, out->suite, &out->err);
    cli_progress_clear(c);
    out->ran = rc == SU_OK;
    if (su_exec_close(x, rc == SU_OK ? &out->err : NULL) != SU_OK)
        out->ran = false;
    if (rc == SU_ECANCELLED && e)
        *e = out->err;
    return rc == SU_ECANCELLED ? rc : SU_OK;
}

static bool any_usable(const struct report *r)
{
    for (size_t i = 0; i < r->n_device; i++)
        if (r->device[i].usable)
            return true;
    return false;
}

static bool passed(const struct checkup *k)
{
    return k->ran && k->suite->n_fail == 0 && k->suite->root_known_good;
}

static enum su_code examine(const struct cli *c, struct report *r, struct su_err *e)
{
    bool skip = cli_has(c, "--no-conformance");
    if (su_devices_list(&r->device, &r->n_device, &r->vulkan_err) != SU_OK)
        r->n_device = 0;
    r->check = su_alloc((r->n_device + 1) * sizeof *r->check);
    if (skip) {
        r->vulkan_ok = any_usable(r);
        r->cpu_ok = true;
        return SU_OK;
    }
    enum su_code rc = check_one(c, SU_BACKEND_CPU, NULL, &r->check[r->n_check], e);
    r->cpu_ok = passed(&r->check[r->n_check++]);
    for (size_t i = 0; i < r->n_device && rc == SU_OK; i++) {
        char number[24];
        if (!r->device[i].usable)
            continue;
        snprintf(number, sizeof number, "%zu", i);
        rc = check_one(c, SU_BACKEND_VULKAN, number, &r->check[r->n_check], e);
        r->vulkan_ok |= passed(&r->check[r->n_check++]);
    }
    return rc;
}

static void put_device(struct su_json_writer *w, const struct su_device *d, size_t i)
{
    su_json_put_object(w, NULL);
    su_json_put_u64(w, "index", i);
    su_json_put_str(w, "name", d->name);
    su_json_put_str(w, "kind", su_device_kind_name(d->kind));
    su_json_put_str(w, "driver", d->driver);
    su_json_put_hex(w, "uuid", d->uuid, sizeof d->uuid);
    su_json_put_u64(w, "vendor_id", d->vendor_id);
    su_json_put_u64(w, "device_id", d->device_id);
    su_json_put_u64(w, "vram_bytes", d->vram_bytes);
    su_json_put_u64(w, "max_buffer_range", d->max_buffer_range);
    su_json_put_u64(w, "max_allocation", d->max_allocation);
    su_json_put_u64(w, "max_workgroup_invocations", d->max_workgroup_invocations);
    su_json_put_u64(w, "max_push_constants", d->max_push_constants);
    su_json_put_u64(w, "subgroup_size", d->subgroup_size);
    su_json_put_bool(w, "rounding_mode_rte_32", d->rte32);
    su_json_put_bool(w, "signed_zero_inf_nan_preserve_32", d->preserve32);
    su_json_put_bool(w, "timestamps", d->timestamps);
    su_json_put_bool(w, "integer_dot_product", d->dp4a);
    su_json_put_bool(w, "timeline_semaphores", d->timeline);
    su_json_put_bool(w, "usable", d->usable);
    if (!d->usable) {
        su_json_put_str(w, "reason", d->reason);
        su_json_put_str(w, "remedy", d->remedy);
    }
    su_json_end_object(w);
}

static void put_check(struct su_json_writer *w, const struct checkup *k)
{
    su_json_put_object(w, NULL);
    su_json_put_str(w, "backend", su_backend_name(k->backend));
    su_json_put_str(w, "device", k->device);
    su_json_put_bool(w, "pass", passed(k));
    if (!k->ran) {
        char line[640];
        su_err_line(&k->err, line, sizeof line);
        su_json_put_str(w, "error", line);
    } else {
        su_json_put_u64(w, "probes", k->suite->n_probe);
        su_json_put_u64(w, "failed", k->suite->n_fail);
        su_json_put_hex(w, "conformance_root", k->suite->root, SU_SHA256_BYTES);
        su_json_put_double(w, "ms", k->suite->ms);
        su_json_put_array(w, "failures");
        for (uint32_t i = 0; i < k->suite->n_probe; i++) {
            if (k->suite->probe[i].pass)
                continue;
            su_json_put_object(w, NULL);
            su_json_put_str(w, "probe", k->suite->probe[i].name);
            su_json_put_str(w, "detail", k->suite->probe[i].detail);
            su_json_end_object(w);
        }
        su_json_end_array(w);
    }
    su_json_end_object(w);
}

static enum su_code print_json(const struct report *r, struct su_err *e)
{
    struct su_buf b;
    struct su_json_writer w;
    uint8_t root[SU_SHA256_BYTES];
    char line[640];
    su_conformance_root(root);
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "version", SU_VERSION);
    su_json_put_str(&w, "numerics", SU_NUMERICS_VERSION);
    su_json_put_str(&w, "sha256", su_sha256_impl());
    su_json_put_hex(&w, "known_root", root, sizeof root);
    su_json_put_bool(&w, "cpu_ok", r->cpu_ok);
    su_json_put_bool(&w, "vulkan_ok", r->vulkan_ok);
    if (r->n_device == 0) {
        su_err_line(&r->vulkan_err, line, sizeof line);
        su_json_put_str(&w, "vulkan_error", line);
    }
    su_json_put_array(&w, "devices");
    for (size_t i = 0; i < r->n_device; i++)
        put_device(&w, &r->device[i], i);
    su_json_end_array(&w);
    su_json_put_array(&w, "conformance");
    for (size_t i = 0; i < r->n_check; i++)
        put_check(&w, &r->check[i]);
    su_json_end_array(&w);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static const char *yes(bool b)
{
    return b ? "yes" : "no";
}

static void print_device(const struct su_device *d, size_t i)
{
    char a[32], b[32], c[32];
    printf("device %zu: %s\n", i, d->name);
    printf("  kind      %s, driver %s\n", su_device_kind_name(d->kind), d->driver);
    printf("  memory    %s, buffers up to %s, one allocation up to %s\n",
           su_format_size(d->vram_bytes, a, sizeof a),
           su_format_size(d->max_buffer_range, b, sizeof b),
           su_format_size(d->max_allocation, c, sizeof c));
    printf("  limits    workgroups of %u, push constants of %u B, subgroups of %u\n",
           d->max_workgroup_invocations, d->max_push_constants, d->subgroup_size);
    printf("  features  round-to-even mode %s, zero/inf/NaN preserved %s,\n"
           "            timestamps %s, int8 dot product %s, timeline semaphores %s\n",
           yes(d->rte32), yes(d->preserve32), yes(d->timestamps), yes(d->dp4a), yes(d->timeline));
    if (d->usable)
        printf("  usable    yes\n");
    else
        printf("  usable    no: %s\n  remedy    %s\n", d->reason, d->remedy);
}

static void print_check(const struct checkup *k)
{
    char hex[2 * SU_SHA256_BYTES + 1], line[640];
    printf("%s%s: ", k->backend == SU_BACKEND_VULKAN ? "vulkan on " : "", k->device);
    if (!k->ran) {
        su_err_line(&k->err, line, sizeof line);
        printf("did not run: %s\n", line);
        return;
    }
    su_hex_encode(k->suite->root, SU_SHA256_BYTES, hex, sizeof hex);
    printf("%u of %u probes pass, %.1f s\n  root %s\n       %s\n",
           k->suite->n_probe - k->suite->n_fail, k->suite->n_probe, k->suite->ms * 1e-3, hex,
           k->suite->root_known_good ? "equals the known answer" : "DIFFERS from the known answer");
    for (uint32_t i = 0; i < k->suite->n_probe; i++)
        if (!k->suite->probe[i].pass)
            printf("  FAILED %s: %s\n", k->suite->probe[i].name, k->suite->probe[i].detail);
}

static void print_text(const struct report *r)
{
    char line[640];
    printf("splitup %s, %s, sha256 by %s\n\n", SU_VERSION, SU_NUMERICS_VERSION, su_sha256_impl());
    if (r->n_device == 0) {
        su_err_line(&r->vulkan_err, line, sizeof line);
        printf("no Vulkan device: %s\n", line);
    }
    for (size_t i = 0; i < r->n_device; i++)
        print_device(&r->device[i], i);
    if (r->n_check)
        printf("\nconformance: every device must compute the same bits\n");
    for (size_t i = 0; i < r->n_check; i++)
        print_check(&r->check[i]);
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    struct report r = {0};
    enum su_code rc = examine(c, &r, e);
    if (rc == SU_OK && cli_has(c, "--json"))
        rc = print_json(&r, e);
    else if (rc == SU_OK)
        print_text(&r);
    if (rc == SU_OK && !r.cpu_ok)
        rc = su_fail(e, SU_ECONFORM, "cpu",
                     "the cpu backend fails its conformance suite; this build must not be used");
    else if (rc == SU_OK && r.n_device == 0)
        rc = su_fail(e, SU_ENODEV, "vulkan", "%s; `splitup run` still works on the cpu backend",
                     r.vulkan_err.msg);
    else if (rc == SU_OK && !any_usable(&r))
        rc = su_fail(e, SU_ENODEV, "vulkan",
                     "no device is usable, for the reasons above; `splitup run` still works on the "
                     "cpu backend");
    else if (rc == SU_OK && !r.vulkan_ok)
        rc = su_fail(e, SU_ECONFORM, "vulkan",
                     "no device passes, for the reasons above; `splitup run` still works on the "
                     "cpu backend");
    for (size_t i = 0; i < r.n_check; i++)
        free(r.check[i].suite);
    free(r.check);
    free(r.device);
    return rc;
}

const struct cli_verb cli_verb_doctor = {
    .name = "doctor",
    .args = "",
    .summary = "Check this machine's devices, and that they compute the right bits",
    .detail = "Lists each device with its features and limits, or the reason why it is unusable "
              "and the remedy, then runs the "
              "conformance suite on the cpu backend and on every usable device. The suite's root "
              "must equal the known answer. Exit "
              "status 0 when at least one Vulkan device passes, 11 when none is usable, 17 when "
              "those that are do not pass.",
    .min_arg = 0,
    .max_arg = 0,
    .option = {{"--no-conformance", NULL, "list devices only"},
               {"--json", NULL, "print one JSON object"}},
    .run = run,
};
