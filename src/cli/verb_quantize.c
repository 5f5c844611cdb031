// SPDX-License-Identifier: MIT
/* splitup quantize: a published folder of floats into a folder of blocks. */
#include "cli_priv.h"

#include <string.h>

static bool hook_cancelled(void *ctx)
{
    (void)ctx;
    return cli_interrupted();
}

static void hook_progress(void *ctx, const struct su_progress *p)
{
    cli_progress(ctx, "quantize", p, false);
}

static enum su_code print_json(const char *out, const char *quant,
                               const struct su_model_quantised *r, struct su_err *e)
{
    struct su_json_writer w;
    struct su_buf b;
    su_buf_init(&b, 0);
    su_json_writer_init(&w, &b, 0);
    su_json_put_object(&w, NULL);
    su_json_put_str(&w, "model", out);
    su_json_put_str(&w, "quant", quant);
    su_json_put_u64(&w, "bytes", r->bytes);
    su_json_put_u64(&w, "tensors", r->tensors);
    su_json_put_hex(&w, "blob", r->blob, sizeof r->blob);
    su_json_put_hex(&w, "manifest_sha256", r->manifest_digest, sizeof r->manifest_digest);
    su_json_end_object(&w);
    return cli_print_json(&b, e);
}

static enum su_code run(struct cli *c, struct su_err *e)
{
    const char *out = cli_get(c, "--out"), *name = cli_get(c, "--quant");
    const struct su_model_hooks hooks = {hook_cancelled, hook_progress, c};
    struct su_model_quantised r;
    enum su_llm_quant quant = SU_LLM_Q8_0;
    char folder[4096], size[32], hex[2 * SU_SHA256_BYTES + 1];
    name = name ? name : "q8_0";
    if (!out)
        return su_fail(e, SU_EUSAGE, "--out", "is missing; name the folder to make");
    if (!su_llm_quant_find(name, &quant))
        return su_fail(e, SU_EINVAL, "--quant", "%s is unknown; give q8_0, q4_1, q4_0 or f32",
                       name);
    enum su_code rc = cli_model_local(c->arg[0], CLI_FETCH_ALL, folder, e);
    if (rc == SU_OK)
        rc = su_model_quantise(folder, quant, out, &hooks, &r, e);
    cli_progress_clear(c);
    if (rc != SU_OK)
        return rc;
    if (cli_has(c, "--json"))
        return print_json(out, name, &r, e);
    su_hex_encode(r.blob, sizeof r.blob, hex, sizeof hex);
    printf("%s: %u tensors, %s, %s\nsha256:%s\n", out, r.tensors, name,
           su_format_size(r.bytes, size, sizeof size), hex);
    return cli_flush(e);
}

const struct cli_verb cli_verb_quantize = {
    .name = "quantize",
    .args = "MODEL",
    .summary = "Turn a published model's floats into blocks",
    .detail =
        "MODEL is a folder as published on huggingface.co, on this disk or there "
        "(hf://ORG/REPO[@REV]): config.json, tokenizer.json, and safetensors of floats in one file "
        "or in shards with an index. Makes a folder that every command takes as MODEL, with equal "
        "bytes on every machine. Matrices become blocks of 32 weights, of q8_0 where a q4 recipe "
        "meets the head; "
        "vectors and routers stay floats. The experts of a mixture are stacked, which running them "
        "needs.",
    .min_arg = 1,
    .max_arg = 1,
    .option = {{"--out", "FOLDER", "the folder to make; appears when it is complete"},
               {"--quant", "q8_0|q4_1|q4_0|f32",
                "8.5 bits a weight (default), 5, 4.5, which loses more, or 32 for no loss"},
               {"--json", NULL, "print a JSON object"}},
    .run = run,
};
