/*
 * server_name as strangers write it (RFC 6066 section 3): other types of name are passed over, each type stands once, and a
 * host name is ASCII that can be seen, since programs look it up, open files by it, and log it.
 */
#include "support/proto_test.h"
#include "support/tls12_wire.h"
#include "tls/extension/extensions.h"

static void name_set_up(void)
{
    set_up_version(0);
}

TestSuite(tls_server_name, .init = name_set_up, .fini = tear_down, .timeout = 60);

static void put(dor_bytes *b, const void *data, size_t len)
{
    cr_assert(dor__ok(dor__bytes_append(b, dor__span(data, len))));
}

/* An honest client's hello whose server_name holds `data` instead, given to a server. */
static void hello_with(uint16_t version, const void *data, size_t len)
{
    uint8_t head[4] = {0, 0};
    dor_bytes out = DOR_BYTES_EMPTY;
    proto_only(client, version, 0, 0);
    prepare("host.example", NULL);
    cr_assert(dor__ok(dor__tls_start(pair.client.tls)));
    dor_bytes wire = wire_take(&pair, DOR_TLS_CLIENT);
    size_t hello_len = wire.len - 5, block = 4 + 2 + 32;
    uint8_t *hello = wire.ptr + 5;
    cr_assert_gt(hello_len -= wire_cut_extension(hello, hello_len, DOR_EXT_SERVER_NAME), 0u);
    block += 1u + hello[block];
    block += 2u + wire_u16(hello + block);
    block += 1u + hello[block];
    wire_put_u16(head + 2, len);
    put(&out, hello, block + 2);
    put(&out, head, sizeof head);
    put(&out, data, len);
    put(&out, hello + block + 2, hello_len - block - 2);
    wire_put_u16(out.ptr + block, out.len - block - 2);
    wire_put_u24(out.ptr + 1, out.len - 4);
    wire_feed_record(&pair, DOR_TLS_SERVER, DOR_CONTENT_HANDSHAKE, dor__bytes_span(&out));
    dor__bytes_free(&out);
    dor__bytes_free(&wire);
}

static const uint16_t versions[] = {DOR_TLS_1_3, DOR_TLS_1_2};

static void taken_as(const void *data, size_t len, const char *name)
{
    for (size_t i = 0; i < COUNT(versions); i++) {
        dor_tls_info info;
        hello_with(versions[i], data, len);
        cr_assert(dor__ok(pair.server.result), "%s", trouble());
        dor__tls_get_info(pair.server.tls, &info);
        cr_assert(dor__span_equal(info.server_name, dor__span_str(name)), "%s", name);
    }
}

static void refused(const void *data, size_t len, dor_alert alert)
{
    for (size_t i = 0; i < COUNT(versions); i++) {
        hello_with(versions[i], data, len);
        failed_by(DOR_TLS_SERVER, alert,
                  alert == DOR_ALERT_DECODE_ERROR ? DOR_REASON_DECODE : DOR_REASON_ILLEGAL_PARAMETER);
    }
}

#define TAKEN_AS(name, bytes) taken_as(bytes, sizeof(bytes) - 1, name)
#define REFUSED(alert, bytes) refused(bytes, sizeof(bytes) - 1, alert)

Test(tls_server_name, other_types_are_passed_over)
{
    TAKEN_AS("a.b", "\0\6\0\0\3a.b");
    TAKEN_AS("a.b", "\0\13\0\0\3a.b\1\0\2xy");
    TAKEN_AS("a.b", "\0\13\377\0\2\0\1\0\0\3a.b");
    TAKEN_AS("a.b", "\0\11\377\0\0\0\0\3a.b");
    TAKEN_AS("", "\0\5\1\0\2xy"); /* and no name at all is left */
}

Test(tls_server_name, one_of_each_type)
{
    REFUSED(DOR_ALERT_ILLEGAL_PARAMETER, "\0\14\0\0\3a.b\0\0\3a.b");
    REFUSED(DOR_ALERT_ILLEGAL_PARAMETER, "\0\21\0\0\3a.b\1\0\2xy\0\0\3c.d");
}

Test(tls_server_name, lengths)
{
    static const char *const broken[] = {"",
                                         "00",
                                         "0000",
                                         "0001",
                                         "000100",
                                         "0003000000",
                                         "00060000046162",
                                         "000600000361",
                                         "0005000003612e62",
                                         "0007000003612e62",
                                         "0006000003612e6200"};
    for (size_t i = 0; i < COUNT(broken); i++) {
        uint8_t bytes[32];
        size_t len = 0;
        for (const char *at = broken[i]; *at && at[1]; at += 2)
            bytes[len++] = (uint8_t)strtoul((const char[]){at[0], at[1], 0}, NULL, 16);
        refused(bytes, len, DOR_ALERT_DECODE_ERROR);
    }
    for (size_t len = 255; len <= 256; len++) {
        uint8_t bytes[5 + 256] = {0, 0, 0, 0, 0};
        char name[257] = "";
        wire_put_u16(bytes, len + 3);
        wire_put_u16(bytes + 3, len);
        memset(bytes + 5, 'x', len);
        memset(name, 'x', len);
        if (len == 255)
            taken_as(bytes, 5 + len, name);
        else
            refused(bytes, 5 + len, DOR_ALERT_ILLEGAL_PARAMETER);
    }
}

/* Every byte at the beginning, inside and at the end of a name. */
Test(tls_server_name, nothing_but_ascii_that_can_be_seen)
{
    for (unsigned c = 0; c < 256; c++)
        for (size_t at = 0; at < 3; at++) {
            uint8_t bytes[] = {0, 6, 0, 0, 3, 'x', '_', 'x'};
            char name[4] = "x_x";
            bytes[5 + at] = (uint8_t)c;
            name[at] = (char)c;
            if (c > ' ' && c < 127)
                taken_as(bytes, sizeof bytes, name);
            else
                refused(bytes, sizeof bytes, DOR_ALERT_ILLEGAL_PARAMETER);
        }
}
