/*
 * checks.c - the -expect-... flags, and what the runner takes for granted without one: that a second connection is a
 * resumption, that a client gets a session to resume, which protocol was agreed on, whether there is a certificate.
 */
#include "bogo/shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* BoringSSL's words, by what can be seen from outside: a server's ticket that did not do is one of three things. */
static const char *early_reason(const bogo_connection *c, const dor_tls_info *info)
{
    const bogo_world *w = c->world;
    if (info->early == DOR_EARLY_ACCEPTED) return "accept";
    if (!c->flags->enable_early_data) return "disabled";
    if (info->version != DOR_TLS_1_3) return "protocol_version";
    if (!c->resumption) return "no_session_offered";
    if (c->flags->server && !info->resumed) return "session_not_resumed";
    if (info->hello_retry) return "hello_retry_request";
    if (!c->flags->server && info->early == DOR_EARLY_NONE)
        return c->offered->max_early_data ? "alpn_mismatch" : "unsupported_for_session";
    if (!c->flags->server) return info->resumed ? "peer_declined" : "session_not_resumed";
    if (!w->early_before) return "unsupported_for_session";
    return dor__span_equal(info->alpn, dor__span(w->alpn_before, w->alpn_before_len)) ? "ticket_age_skew"
                                                                                      : "alpn_mismatch";
}

static bool early_data(const bogo_connection *c, const dor_tls_info *info)
{
    const bogo_flags *f = c->flags;
    const bool accepted = info->early == DOR_EARLY_ACCEPTED;
    if ((f->expect_accept_early_data && !accepted) || (f->expect_reject_early_data && accepted))
        return no(accepted ? "early data was accepted" : "early data was not accepted");
    if (f->expect_early_data_reason && strcmp(f->expect_early_data_reason, early_reason(c, info)) != 0)
        return no("why early data was accepted or not");
    return true;
}

static void remember(bogo_world *w, const bogo_flags *f, const dor_tls_info *info)
{
    w->early_before = f->enable_early_data;
    w->alpn_before_len = info->alpn.len;
    if (info->alpn.len) memcpy(w->alpn_before, info->alpn.ptr, info->alpn.len);
}

bool bogo_check_connected(bogo_connection *c)
{
    dor_tls_info info;
    dor__tls_get_info(c->tls, &info);
    if (!early_data(c, &info)) return false;
    remember(c->world, c->flags, &info);
    if (!c->flags->server && info.early == DOR_EARLY_REJECTED) c->flags = c->retry;
    const bogo_flags *f = c->flags;
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
    if (c->new_session && (c->new_session->max_early_data > 0) != f->expect_ticket_supports_early_data)
        return no("whether the ticket allows early data");
    return want == (c->new_session != NULL) ? true : no(want ? "no ticket came" : "a ticket came");
}
