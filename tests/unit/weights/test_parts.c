// SPDX-License-Identifier: MIT
/* Models in several files: shards of safetensors with their index, and split GGUF files. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put_file(const char *name, const void *data, size_t len)
{
    assert_int_equal(su_file_write(scratch_path(name), data, len, 0600, NULL), SU_OK);
}

static void put_text(const char *name, const char *text)
{
    put_file(name, text, strlen(text));
}

static void put_shard(const char *name, const char *tensor, float first)
{
    const float x[2] = {first, first + 1};
    uint8_t raw[8];

    su_put_le32(raw, su_f32_bits(x[0]));
    su_put_le32(raw + 4, su_f32_bits(x[1]));
    const struct su_tensor t = {
        .name = tensor, .dtype = SU_F32, .shape = {1, {2}}, .data = raw, .bytes = 8};
    assert_int_equal(su_weights_write(scratch_path(name), &t, 1, NULL), SU_OK);
}

#define INDEX "model.safetensors.index.json"
#define ONE "model-00001-of-00002.safetensors"
#define TWO "model-00002-of-00002.safetensors"

static void refused(const char *index, enum su_code code, const char *want)
{
    struct su_weights *w = (struct su_weights *)&code;
    struct su_err e = {0};

    put_text(INDEX, index);
    assert_int_equal(su_weights_open(scratch_path(INDEX), &w, &e), code);
    assert_null(w);
    err_matches(&e, code, want);
}

static void test_index(void **state)
{
    (void)state;
    struct su_weights *w = NULL;
    struct su_err e = {0};
    struct su_buf names;

    put_shard(ONE, "b", 1.0f);
    put_shard(TWO, "a", 3.0f);
    put_text(INDEX,
             "{\"metadata\": {\"total_size\": 1.6e1, \"x\": [null, {\"y\": []}, \"\\u00e9\"]},\n"
             " \"weight_map\": {\"a\": \"" TWO "\", \"b\": \"" ONE "\"}}\n");
    if (su_weights_open(scratch_path(INDEX), &w, &e))
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(su_weights_files(w), 2);
    assert_string_equal(su_weights_path(w), scratch_path(INDEX));
    assert_string_equal(su_weights_file_path(w, 0), scratch_path(ONE));
    assert_string_equal(su_weights_file_path(w, 1), scratch_path(TWO));
    assert_int_equal(su_weights_count(w), 2);
    assert_string_equal(su_weights_at(w, 0)->name, "a");
    assert_int_equal(su_weights_at(w, 0)->file, 1);
    assert_int_equal(su_le32(su_weights_find(w, "b")->data), su_f32_bits(1.0f));
    assert_int_equal(su_weights_find(w, "b")->file, 0);

    /* The manifest points into the file that each tensor lies in. */
    struct su_graph *g = su_graph_new();
    uint8_t id[64];
    struct su_manifest m;
    (void)graph_weight(g, "b", SU_F32, (struct su_shape){1, {2}}, 0);
    (void)graph_weight(g, "a", SU_F32, (struct su_shape){1, {1}}, 1);
    memset(id, 0x11, 32);
    memset(id + 32, 0x22, 32);
    assert_int_equal(su_manifest_build(g, w, id, &m, &e), SU_OK);
    assert_string_equal(m.entry[0].name, "a");
    assert_memory_equal(m.entry[0].blob, id + 32, 32);
    assert_int_equal(m.entry[0].offset, su_weights_find(w, "a")->offset + 4);
    assert_memory_equal(m.entry[1].blob, id, 32);
    su_manifest_fini(&m);
    su_graph_free(g);
    su_weights_close(w);

    su_buf_init(&names, 0);
    assert_int_equal(su_weights_siblings(scratch_path(INDEX), &names, &e), SU_OK);
    assert_int_equal(names.len, sizeof ONE + sizeof TWO);
    assert_string_equal((char *)names.data, ONE);
    assert_string_equal((char *)names.data + sizeof ONE, TWO);
    su_buf_fini(&names);
    assert_int_equal(su_weights_siblings(scratch_path("no" INDEX), &names, &e), SU_ENOENT);
}

static void test_index_names(void **state)
{
    (void)state;
    static const char good[] = "{\"weight_map\":{\"t\":\"z.safetensors\",\"u\":\"y.safetensors\","
                               "\"v\":\"z.safetensors\"}}";
    static const char want[] = "y.safetensors\0z.safetensors";
    struct su_buf names;
    struct su_err e = {0};

    su_buf_init(&names, 0);
    assert_int_equal(su_weights_index_names(good, strlen(good), "mem", &names, &e), SU_OK);
    assert_int_equal(names.len, sizeof want);
    assert_memory_equal(names.data, want, sizeof want);
    su_buf_clear(&names);
    for (size_t cut = 0; cut < strlen(good); cut++) {
        assert_int_equal(su_weights_index_names(good, cut, "mem", &names, &e), SU_EFORMAT);
        assert_int_equal(names.len, 0);
    }
    struct su_buf many;
    su_buf_init(&many, 0);
    su_buf_str(&many, "{\"weight_map\":{");
    for (unsigned i = 0; i <= SU_WEIGHTS_FILES_MAX; i++)
        su_buf_printf(&many, "%s\"t%u\":\"%u.safetensors\"", i ? "," : "", i, i);
    su_buf_str(&many, "}}");
    assert_int_equal(su_weights_index_names(many.data, many.len, "mem", &names, &e), SU_ELIMIT);
    err_matches(&e, SU_ELIMIT, "1024 files");
    su_buf_clear(&many);
    for (unsigned i = 0; i < 40; i++)
        su_buf_str(&many, i ? "[" : "{\"metadata\":");
    assert_int_equal(su_weights_index_names(many.data, many.len, "mem", &names, &e), SU_ELIMIT);
    err_matches(&e, SU_ELIMIT, "deeper");
    su_buf_fini(&many);
    su_buf_fini(&names);
}

static void test_index_refused(void **state)
{
    (void)state;
    put_shard(ONE, "b", 1.0f);
    put_shard(TWO, "a", 3.0f);
    refused("{\"weight_map\":{\"a\":\"../" TWO "\"}}", SU_EFORMAT, "'a'|own folder");
    refused("{\"weight_map\":{\"a\":\"/etc/x.safetensors\"}}", SU_EFORMAT, "own folder");
    refused("{\"weight_map\":{\"a\":\".x.safetensors\"}}", SU_EFORMAT, "own folder");
    refused("{\"weight_map\":{\"a\":\"x\\u0000.safetensors\"}}", SU_EFORMAT, "own folder");
    refused("{\"weight_map\":{\"a\":\"x y.safetensors\"}}", SU_EFORMAT, "printable");
    refused("{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}", SU_EFORMAT, ".safetensors");
    refused("{\"weight_map\":{\"a b\":\"x.safetensors\"}}", SU_EFORMAT, "tensor 'a b'");
    refused("{\"weight_map\":{\"a\":\"none.safetensors\"}}", SU_ENOENT, "none.safetensors|fetch");
    refused("{\"weight_map\":{\"a\":\"" ONE "\",\"b\":\"" TWO "\"}}", SU_EFORMAT,
            "'a'|said to be in '" ONE "'|is in " TWO);
    refused("{\"weight_map\":{\"a\":\"" TWO "\",\"c\":\"" TWO "\"}}", SU_EFORMAT, "'c'|none of");
    refused("{\"weight_map\":{}}", SU_EFORMAT, "names no tensor");
    refused("{\"weight_map\":[]}", SU_EFORMAT, "no object");
    refused("{}", SU_EFORMAT, "no 'weight_map'");
    refused("{\"metadata\":*}", SU_EFORMAT, "no JSON value");
    refused("{\"weight_map\":{\"a\":\"" TWO "\"},\"weight_map\":{}}", SU_EFORMAT, "twice");
    refused("{\"weight_map\":{\"a\":\"" TWO "\"}} x", SU_EFORMAT, "after the closing");
    char text[600], name[260];
    memset(name, 'n', sizeof name);
    name[201] = '\0';
    (void)snprintf(text, sizeof text, "{\"weight_map\":{\"a\":\"%s\"}}", name);
    refused(text, SU_ELIMIT, "200 bytes");
    (void)snprintf(text, sizeof text, "{\"weight_map\":{\"%s\":\"x.safetensors\"}}", name);
    refused(text, SU_ELIMIT, "127 bytes");

    /* Shards that hold the same tensor, or are cut. */
    put_shard(TWO, "b", 3.0f);
    refused("{\"weight_map\":{\"a\":\"" TWO "\",\"b\":\"" ONE "\"}}", SU_EFORMAT,
            "'b' twice|" ONE "|" TWO);
    put_text(TWO, "short");
    refused("{\"weight_map\":{\"a\":\"" TWO "\",\"b\":\"" ONE "\"}}", SU_ETRUNC, TWO);
    put_text(TWO, "GGUF\3\0\0\0");
    refused("{\"weight_map\":{\"a\":\"" TWO "\",\"b\":\"" ONE "\"}}", SU_ETRUNC, TWO);
}

/* ---- split GGUF ---- */

struct part {
    uint32_t no, count, tensors;
    const char *tensor;
};

static void make_part(struct su_buf *b, const struct part *p)
{
    su_buf_init(b, 0);
    su_buf_str(b, "GGUF");
    su_buf_u32(b, 3);
    su_buf_u64(b, 1);
    su_buf_u64(b, 3);
    const struct {
        const char *key;
        uint32_t v;
    } keys[] = {
        {"split.no", p->no}, {"split.count", p->count}, {"split.tensors.count", p->tensors}};
    for (size_t i = 0; i < SU_ARRAY_LEN(keys); i++) {
        su_buf_u64(b, strlen(keys[i].key));
        su_buf_str(b, keys[i].key);
        su_buf_u32(b, i == 2 ? SU_META_I32 : SU_META_U16);
        if (i == 2)
            su_buf_u32(b, keys[i].v);
        else
            su_buf_u16(b, (uint16_t)keys[i].v);
    }
    su_buf_u64(b, strlen(p->tensor));
    su_buf_str(b, p->tensor);
    su_buf_u32(b, 1);
    su_buf_u64(b, 2);
    su_buf_u32(b, 0);
    su_buf_u64(b, 0);
    while (b->len % 32)
        su_buf_u8(b, 0);
    su_buf_u32(b, su_f32_bits((float)p->no));
    su_buf_u32(b, 0);
    assert_int_equal(su_buf_check(b, "part", NULL), SU_OK);
}

static void put_part(const char *name, struct part p)
{
    struct su_buf b;

    make_part(&b, &p);
    put_file(name, b.data, b.len);
    su_buf_fini(&b);
}

#define G1 "m-00001-of-00003.gguf"
#define G2 "m-00002-of-00003.gguf"
#define G3 "m-00003-of-00003.gguf"

static void split_refused(const char *name, enum su_code code, const char *want)
{
    struct su_weights *w = (struct su_weights *)&code;
    struct su_err e = {0};

    assert_int_equal(su_weights_open(scratch_path(name), &w, &e), code);
    assert_null(w);
    err_matches(&e, code, want);
}

static void test_split(void **state)
{
    (void)state;
    struct su_weights *w = NULL;
    struct su_err e = {0};
    struct su_buf names, b;
    uint32_t n = 0;

    put_part(G1, (struct part){0, 3, 3, "x"});
    put_part(G2, (struct part){1, 3, 3, "c"});
    put_part(G3, (struct part){2, 3, 3, "d"});
    if (su_weights_open(scratch_path(G1), &w, &e))
        fail_msg("%s: %s", e.at, e.msg);
    assert_int_equal(su_weights_files(w), 3);
    assert_int_equal(su_weights_count(w), 3);
    assert_int_equal(su_weights_find(w, "c")->file, 1);
    assert_int_equal(su_le32(su_weights_find(w, "d")->data), su_f32_bits(2.0f));
    assert_int_equal(su_meta_u32(w, "split.count", &n, &e), SU_OK);
    assert_int_equal(su_meta_count(w), 3);
    su_weights_close(w);

    su_buf_init(&names, 0);
    assert_int_equal(su_weights_siblings(scratch_path(G2), &names, &e), SU_OK);
    assert_int_equal(names.len, 2 * sizeof G1);
    assert_string_equal((char *)names.data, G1);
    assert_string_equal((char *)names.data + sizeof G1, G3);
    su_buf_clear(&names);
    assert_int_equal(su_weights_siblings("x/m-00001-of-00000.gguf", &names, &e), SU_OK);
    assert_int_equal(su_weights_siblings("m.gguf", &names, &e), SU_OK);
    assert_int_equal(names.len, 0);
    su_buf_fini(&names);

    split_refused(G2, SU_EUNSUPPORTED, "part 2 of 3|open the first");
    put_part(G3, (struct part){1, 3, 3, "d"});
    split_refused(G1, SU_EFORMAT, "part 2 of 3|part 3 of 3");
    put_part(G3, (struct part){2, 4, 3, "d"});
    split_refused(G1, SU_EFORMAT, "part 3 of 4");
    put_part(G3, (struct part){2, 3, 3, "x"});
    split_refused(G1, SU_EFORMAT, "'x' twice|" G1 "|" G3);
    put_part(G1, (struct part){0, 3, 4, "x"});
    put_part(G3, (struct part){2, 3, 3, "d"});
    split_refused(G1, SU_EFORMAT, "3 tensors in 3 parts, not 4");
    put_shard(G3, "d", 1.0f);
    split_refused(G1, SU_EFORMAT, "no GGUF");
    assert_int_equal(unlink(scratch_path(G3)), 0);
    split_refused(G1, SU_ENOENT, G3 "|missing");
    put_part("alone.gguf", (struct part){0, 3, 3, "x"});
    split_refused("alone.gguf", SU_EFORMAT, "3 parts|-00001-of-00003.gguf");
    put_part("m-00001-of-00009.gguf", (struct part){0, 3, 3, "x"});
    split_refused("m-00001-of-00009.gguf", SU_EFORMAT, "3 parts");
    make_part(&b, &(struct part){0, 3, 3, "x"});
    bytes_refused(b.data, b.len, SU_EUNSUPPORTED, "one of 3 parts");
    su_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_index_names),
        cmocka_unit_test(test_index_refused),
        cmocka_unit_test(test_split),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
