/* again.c - see again.h. Owning thread: the connection's. */
#include "tls/again.h"

#include "base/alloc.h"
#include "tls/extension/extensions.h"
#include "tls/internal.h"

dor_result dor__again_need(dor_tls *t)
{
    if (!t->again) t->again = dor__calloc(1, sizeof *t->again);
    return t->again ? DOR_SUCCESS : dor__error(DOR_E_NOMEM);
}

/* ---- what was before ----------------------------------------------------------------------------------------------- */

/* References move. Of TLS 1.3 the peer alone is at stake. */
static void put_aside(dor_tls *t)
{
    dor_tls_before *b = &t->again->before;
    *b = (dor_tls_before){.peer = t->peer,
                          .anchor = t->anchor,
                          .peer_scheme = t->peer_scheme,
                          .peer_verified = t->peer_verified};
    t->peer = t->anchor = NULL;
    t->peer_scheme = 0;
    t->peer_verified = false;
    if (t->version != DOR_TLS_1_2) return;
    b->suite = t->suite;
    b->session = t->session;
    b->kept = t->kept;
    b->group = t->group;
    b->resumed = t->resumed;
    b->extended_master_secret = t->extended_master_secret;
    t->suite = NULL;
    t->session = NULL;
    t->kept = NULL;
    t->group = 0;
    t->resumed = t->extended_master_secret = false;
}

static void swap_certificates(dor_certificate **a, dor_certificate **b)
{
    dor_certificate *c = *a;
    *a = *b;
    *b = c;
}

static void take_peer_back(dor_tls *t)
{
    dor_tls_before *b = &t->again->before;
    swap_certificates(&t->peer, &b->peer);
    swap_certificates(&t->anchor, &b->anchor);
    t->peer_scheme = b->peer_scheme;
    t->peer_verified = b->peer_verified;
}

/* What is in force and what was before change places; then `before` is what goes. */
static void take_back(dor_tls *t)
{
    dor_tls_before *b = &t->again->before;
    take_peer_back(t);
    if (t->version != DOR_TLS_1_2) return;
    dor_session *session = t->session;
    dor_tls_kept *kept = t->kept;
    t->suite = b->suite;
    t->session = b->session;
    t->kept = b->kept;
    t->group = b->group;
    t->resumed = b->resumed;
    t->extended_master_secret = b->extended_master_secret;
    b->session = session;
    b->kept = kept;
}

static void release_before(dor_tls *t)
{
    dor_tls_before *b = &t->again->before;
    dor__certificate_unref(b->peer);
    dor__certificate_unref(b->anchor);
    dor__session_unref(b->session);
    if (b->kept) { /* it is of the size that the config says: freed as the connection's own is */
        dor_tls_kept *now = t->kept;
        t->kept = b->kept;
        dor__kept_free(t);
        t->kept = now;
    }
    *b = (dor_tls_before){0};
}

void dor__again_keep_peer(dor_tls *t)
{
    take_peer_back(t);
    release_before(t);
}

/* ---- from beginning to end ----------------------------------------------------------------------------------------- */

dor_result dor__again_begin(dor_tls *t, const dor_script *script)
{
    dor_result r = t->hs || !t->again ? dor__error(DOR_E_INTERNAL) : dor__handshake_new(t, NULL);
    if (dor__failed(r)) return r;
    dor_handshake *hs = t->hs;
    hs->second = true;
    hs->version_settled = true;
    hs->script = script;
    hs->answers =
        1u << DOR_TLS_QUESTION_HELLO; /* what to do with this peer was answered for the whole connection */
    put_aside(t);
    return dor__is_client(t) ? dor__arena_copy(&hs->arena, dor__server_name_get(t), &hs->host) : DOR_SUCCESS;
}

void dor__again_done(dor_tls *t, uint8_t tell)
{
    release_before(t);
    t->again->tell = tell;
}

void dor__again_abandon(dor_tls *t)
{
    take_back(t);
    release_before(t);
    dor__handshake_free(t);
}

void dor__again_free(dor_tls *t)
{
    dor_tls_again *again = t->again;
    if (!again) return;
    release_before(t);
    while (again->requests) {
        dor_tls_request *request = again->requests;
        again->requests = request->next;
        dor__hash_fini(&request->transcript);
        dor__free(request);
    }
    if (again->transcript_kept) dor__hash_fini(&again->transcript);
    dor__free_wiped(again, sizeof *again);
    t->again = NULL;
}

size_t dor__again_memory(const dor_tls *t)
{
    size_t requests = 0;
    if (!t->again) return 0;
    for (const dor_tls_request *r = t->again->requests; r; r = r->next)
        requests++;
    return sizeof *t->again + requests * sizeof(dor_tls_request);
}

dor_result dor__again_note_first(dor_tls *t)
{
    const dor_handshake *hs = t->hs;
    if (t->version == DOR_TLS_1_2) {
        if (t->again) t->again->secure = hs->v12.renegotiation_info;
        return DOR_SUCCESS;
    }
    const uint32_t offered = dor__is_client(t) ? hs->ext_sent : hs->ext_received;
    if (!t->config->post_auth || !(offered & dor__ext_bit(DOR_EXT_POST_HANDSHAKE_AUTH))) return DOR_SUCCESS;
    DOR_TRY(dor__again_need(t));
    DOR_TRY(dor__hash_copy(&t->again->transcript, &hs->transcript.hash));
    t->again->transcript_kept = t->again->post_auth = true;
    return DOR_SUCCESS;
}
