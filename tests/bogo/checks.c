/*
 * checks.c - the -expect-... flags, and what the runner takes for granted without one: that a second connection is a
 * resumption, that a client gets a session to resume, which protocol was agreed on, whether there is a certificate.
 */
#include "bogo/shim.h"

#include <stdio.h>
#include <stdlib.h>

#include "tls/again.h"
#include "tls/stapled.h"

static bool no(const char *what)
{
    fprintf(stderr, "check failed: %s\n", what);
    return false;
}

static dor_span text_of(const char *text)
{
    return text ? dor__span_str(text) : DOR_SPAN_EMPTY;
}

bool bogo_check_hello(bogo_connection *c, const dor_tls_hello *hello)
{
    const bogo_flags *f = c->flags;
    if (!f->server) return true;
    if (f->expect_no_server_name && hello->server_name.len) return no("a server name came");
    if (f->expect_server_name && !dor__span_equal(hello->server_name, text_of(f->expect_server_name)))
        return no("server name in the hello");
    if (f->expect_advertised_alpn && !dor__span_equal(hello->alpn, text_of(f->expect_advertised_alpn)))
        return no("protocols in the hello");
    return true;
}

static bool peer_certificate(const bogo_connection *c, const dor_tls_info *info)
{
    const bogo_flags *f = c->flags;
    dor_certificate *chain[BOGO_CHAIN_MAX];
    size_t count;
    if (f->expect_no_peer_cert) {
        if (info->peer) return no("a certificate came");
    } else if (!info->peer && (!f->server || f->require_any_client_certificate))
        return no("no certificate came");
    if (!f->expect_peer_cert_file) return true;
    if (!bogo_read_chain(f->expect_peer_cert_file, chain, &count)) return false;
    return info->peer && dor__span_equal(info->peer->der, chain[0]->der) ? true : no("another certificate");
}

static bool numbers(const bogo_flags *f, const dor_tls_info *info)
{
    if (f->expect_version && f->expect_version != info->version) return no("version");
    long long group = info->resumed && info->version == DOR_TLS_1_2 ? 0 : f->expect_curve_id; /* the same */
    if (f->expect_curve_id && group != info->group) return no("group");
    if (f->expect_cipher && f->expect_cipher != info->suite->id) return no("suite");
    long long scheme = info->resumed ? 0 : f->expect_peer_signature_algorithm; /* a resumption has none */
    if (f->expect_peer_signature_algorithm && scheme != info->peer_scheme) return no("signature scheme");
    size_t count;
    bool aes = dor__suite_all(&count)->aead != DOR_AEAD_CHACHA20_POLY1305;
    long long suite = aes ? f->expect_cipher_aes : f->expect_cipher_no_aes;
    if (suite && suite != info->suite->id) return no("suite on this processor");
    return true;
}

/* A TLS 1.2 client's session is there when the handshake is over; TLS 1.3's comes later. */
static bool session_12(const bogo_connection *c, const dor_tls_info *info)
{
    const bogo_flags *f = c->flags;
    if (f->server || info->version == DOR_TLS_1_3) return true;
    bool want = !f->expect_no_session && (!info->resumed || f->expect_ticket_renewal);
    return want == (c->new_session != NULL) ? true : no(want ? "no session" : "a session");
}

static bool server_kept(const bogo_connection *c)
{
    const bogo_flags *f = c->flags;
    if (c->resumption) return true;
    if (f->expect_session_id && !c->world->stored) return no("the server keeps no session");
    if (f->expect_no_session_id && c->world->stored) return no("the server keeps a session");
    return true;
}

static bool is_shown(const char *expected, const dor_bytes *shown)
{
    dor_bytes bytes = DOR_BYTES_EMPTY;
    if (!expected) return true;
    bool same = bogo_read_base64(expected, &bytes) && shown &&
                dor__span_equal(dor__bytes_span(&bytes), dor__bytes_span(shown));
    dor__bytes_free(&bytes);
    return same;
}

bool bogo_check_connected(bogo_connection *c)
{
    const bogo_flags *f = c->flags;
    dor_tls_info info;
    dor__tls_get_info(c->tls, &info);
    if (f->handshake_never_done) return no("the handshake was to fail");
    if (info.resumed != (c->resumption && !f->expect_session_miss))
        return no(info.resumed ? "resumed" : "not resumed");
    if (!numbers(f, &info) || !peer_certificate(c, &info) || !session_12(c, &info) || !server_kept(c))
        return false;
    if (f->server && f->expect_server_name &&
        !dor__span_equal(info.server_name, text_of(f->expect_server_name)))
        return no("server name");
    if (!dor__span_equal(info.alpn, text_of(f->server ? f->select_alpn : f->expect_alpn)))
        return no("application protocol");
    if (!is_shown(f->expect_ocsp_response, info.stapled ? &info.stapled->status : NULL)) return no("status");
    if (!is_shown(f->expect_signed_cert_timestamps, info.stapled ? &info.stapled->timestamps : NULL))
        return no("timestamps");
    if (f->expect_extended_master_secret && !info.extended_master_secret) return no("extended master secret");
    if ((f->expect_hrr && !info.hello_retry) || (f->expect_no_hrr && info.hello_retry))
        return no("HelloRetryRequest");
    if (f->expect_selected_credential && atoi(f->expect_selected_credential) != c->selected)
        return no("the credential");
    bool secure = info.version == DOR_TLS_1_3 || (c->tls->again && c->tls->again->secure);
    if ((f->expect_secure_renegotiation && !secure) || (f->expect_no_secure_renegotiation && secure))
        return no("secure renegotiation");
    if (f->expect_verify_result && info.peer && c->tls->peer_verified == f->verify_fail)
        return no("verification");
    return true;
}

bool bogo_check_end(bogo_connection *c)
{
    const bogo_flags *f = c->flags;
    dor_tls_info info;
    dor__tls_get_info(c->tls, &info);
    if (c->renegotiations != f->expect_total_renegotiations) return no("renegotiations");
    if (f->server || info.version != DOR_TLS_1_3) return true;
    bool want = !f->expect_no_session && !f->shim_shuts_down;
    return want == (c->new_session != NULL) ? true : no(want ? "no ticket came" : "a ticket came");
}
