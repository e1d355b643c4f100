/* Scatter-gather: several parts are one packet, all or nothing. */
#include "net_support.h"

static void hello_parts(dor_part parts[4])
{
    parts[0] = (dor_part){"he", 2};
    parts[1] = (dor_part){NULL, 0};
    parts[2] = (dor_part){"llo, ", 5};
    parts[3] = (dor_part){"world", 5};
}

Test(sendv, is_one_packet)
{
    world w;
    dor_part parts[4];
    dor_ref ref;
    dor_buffer *data;
    hello_parts(parts);
    begin(&w, 2);
    OK(dor_options_set_int(w.client, "packet", 2));
    OK(dor_options_set_int(w.server, "packet", 2));
    listen_in(&w);
    pair p = connect_pair(&w);
    OK(dor_ssl_sendv(p.client, parts, 4));
    expect_recv(p.server, 0, "hello, world");
    OK(dor_ssl_sendv_async(p.client, parts, 3, &ref));
    OK(await_reply(ref, NULL, NULL));
    expect_recv(p.server, 0, "hello, ");
    OK(dor_ssl_sendv_async(p.client, parts, 1, NULL));
    expect_recv(p.server, 0, "he");
    OK(dor_ssl_sendv(p.client, NULL, 0)); /* an empty packet */
    OK(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data));
    cr_assert_eq(dor_buffer_len(data), 0u);
    dor_buffer_unref(data);
    end(&w);
}

/* More than a packet's header can say: nothing of it goes, and what comes after it is whole. */
Test(sendv, all_or_nothing)
{
    world w;
    static char big[40000];
    const dor_part parts[] = {{big, sizeof big}, {big, sizeof big}};
    begin(&w, 2);
    OK(dor_options_set_int(w.client, "packet", 2));
    OK(dor_options_set_int(w.server, "packet", 2));
    listen_in(&w);
    pair p = connect_pair(&w);
    FAILS(dor_ssl_sendv(p.client, parts, 2), DOR_E_TOO_BIG);
    send_text(p.client, "after");
    expect_recv(p.server, 0, "after");
    end(&w);
}

Test(sendv, many_parts_make_up_many_records)
{
    enum { PARTS = 5000, LEN = 20 };
    world w;
    static char all[PARTS * LEN];
    static dor_part parts[PARTS];
    dor_buffer *data;
    pair p = begin_pair(&w, 2);
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = (dor_part){all + i * LEN, LEN};
    OK(dor_ssl_sendv_async(p.client, parts, PARTS, NULL));
    memset(parts, 0, sizeof parts); /* they were copied */
    OK(dor_ssl_recv(p.server, sizeof all, PATIENCE_MS, &data));
    expect_data(data, all, sizeof all);
    end(&w);
}

Test(sendv, used_badly)
{
    world w;
    dor_part parts[4], none = {NULL, 1}, endless[] = {{"x", 1}, {"x", SIZE_MAX}};
    dor_ref ref;
    hello_parts(parts);
    pair p = begin_pair(&w, 1);
    FAILS(dor_ssl_sendv(p.client, NULL, 1), DOR_E_BADARG);
    FAILS(dor_ssl_sendv(p.client, &none, 1), DOR_E_BADARG);
    FAILS(dor_ssl_sendv_async(p.client, NULL, 1, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_sendv_async(p.client, &none, 1, NULL), DOR_E_BADARG);
    FAILS(dor_ssl_sendv(p.client, endless, 2), DOR_E_NOMEM);
    FAILS(dor_ssl_sendv_async(w.listener, parts, 4, NULL), DOR_E_ENOTCONN);
    OK(dor_ssl_close(p.client));
    FAILS(dor_ssl_sendv(p.client, parts, 4), DOR_E_CLOSED);
    FAILS(dor_ssl_sendv_async(p.client, parts, 4, &ref), DOR_E_CLOSED);
    end(&w);
}
