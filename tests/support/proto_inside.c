#include "support/proto_inside.h"

#include "tls/handshake.h"
#include "tls/schedule_13.h"

#include <stdio.h>
#include <stdlib.h>

static void must(dor_result r)
{
    char text[160];
    if (dor__ok(r)) return;
    fprintf(stderr, "proto_inside: %s\n", dor_format_error(r.code, text, sizeof text));
    abort();
}

/* The keys of a TLS 1.3 handshake: the server has both until it is connected. */
static bool keys_ready(proto_inside *in, dor_tls_role from)
{
    const dor_tls *t = in->pair->server.tls;
    if (in->have_keys[from]) return true;
    if (!t->hs || !t->hs->version_settled || t->version != DOR_TLS_1_3) return false;
    const uint8_t *secret = from == DOR_TLS_CLIENT ? t->hs->client_secret : t->hs->server_secret;
    must(dor__traffic_keys(t, secret, &in->open[from]));
    must(dor__traffic_keys(t, secret, &in->seal[from]));
    in->have_keys[from] = true;
    return true;
}

static void change_clear(proto_inside *in, dor_tls_role from, dor_span record, dor_bytes *out)
{
    dor_bytes content = DOR_BYTES_EMPTY;
    dor_protection null;
    dor__protection_init_null(&null);
    must(dor__bytes_append(
        &content, dor__span(record.ptr + DOR_RECORD_HEADER_LEN, record.len - DOR_RECORD_HEADER_LEN)));
    in->change(in->ctx, from, false, &content);
    must(dor__record_write(&null, record.ptr[0], (uint16_t)(record.ptr[1] << 8 | record.ptr[2]),
                           DOR_RECORD_MAX_PLAINTEXT, dor__bytes_span(&content), out));
    dor__bytes_free(&content);
}

/* False when its keys are others. */
static bool change_sealed(proto_inside *in, dor_tls_role from, dor_span record, dor_bytes *out)
{
    dor_bytes copy = DOR_BYTES_EMPTY, content = DOR_BYTES_EMPTY;
    uint8_t type;
    dor_span payload;
    must(dor__bytes_append(&copy, record));
    dor_protection *keys = &in->open[from];
    bool opened = dor__ok(keys->ops->open(keys, copy.ptr, copy.len - DOR_RECORD_HEADER_LEN, &type, &payload));
    if (opened) {
        must(dor__bytes_append(&content, payload));
        if (type == DOR_CONTENT_HANDSHAKE) in->change(in->ctx, from, true, &content);
        must(dor__record_write(&in->seal[from], type, DOR_TLS_1_2, DOR_RECORD_MAX_PLAINTEXT,
                               dor__bytes_span(&content), out));
    }
    dor__bytes_free(&copy);
    dor__bytes_free(&content);
    return opened;
}

static bool change_record(proto_inside *in, dor_tls_role from, dor_span record, dor_bytes *out)
{
    switch (record.ptr[0]) {
    case DOR_CONTENT_CHANGE_CIPHER_SPEC: /* TLS 1.2's keys follow; TLS 1.3 has an outer type of its own */
        in->changed_keys[from] = true;
        return false;
    case DOR_CONTENT_HANDSHAKE:
        if (in->changed_keys[from] && in->pair->server.tls->version == DOR_TLS_1_2) return false;
        change_clear(in, from, record, out);
        return true;
    case DOR_CONTENT_APPLICATION_DATA: return keys_ready(in, from) && change_sealed(in, from, record, out);
    default: return false;
    }
}

void proto_inside_tamper(void *ctx, dor_tls_role from, dor_bytes *data)
{
    proto_inside *in = ctx;
    dor_bytes out = DOR_BYTES_EMPTY;
    for (size_t at = 0, len; at < data->len; at += len) {
        len = DOR_RECORD_HEADER_LEN + ((size_t)data->ptr[at + 3] << 8 | data->ptr[at + 4]);
        dor_span record = dor__span(data->ptr + at, len);
        if (!change_record(in, from, record, &out)) must(dor__bytes_append(&out, record));
    }
    dor__bytes_free(data);
    *data = out;
}

void proto_inside_fini(proto_inside *inside)
{
    for (size_t i = 0; i < 2; i++) {
        if (!inside->have_keys[i]) continue;
        dor__protection_fini(&inside->open[i]);
        dor__protection_fini(&inside->seal[i]);
    }
}
