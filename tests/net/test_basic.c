/* Listening, connecting, sending and receiving in passive mode; what the calls answer when they may not. */
#include "net_support.h"

Test(basic, hello_both_ways)
{
    world w;
    pair p = begin_pair(&w, 2);
    send_text(p.client, "hello");
    expect_recv(p.server, 0, "hello");
    send_text(p.server, "welcome");
    expect_recv(p.client, 7, "welcome");
    OK(dor_ssl_close(p.client));
    dor_buffer *data;
    FAILS(dor_ssl_recv(p.server, 0, PATIENCE_MS, &data), DOR_E_CLOSED);
    OK(dor_ssl_close(p.server));
    end(&w);
}
