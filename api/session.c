/*
 * session.c - dormouse/session.h: sessions as programs see them (a dor_session by its public name), caches to share (a
 * dor_session_keeper by its public name), ticket keys. Checks arguments and forwards. Any thread.
 */
#include "options_table.h"

#include "base/ct.h"
#include "runtime/calls.h"
#include "ssl/client_sessions.h"
#include "ssl/session_store.h"
#include "ssl/socket.h"
#include "ssl/ticket_keys.h"
#include <dormouse/session.h>

dor_ssl_session *dor_ssl_session_ref(dor_ssl_session *session)
{
    return session ? (dor_ssl_session *)dor__session_ref((dor_session *)session) : NULL;
}

void dor_ssl_session_unref(dor_ssl_session *session)
{
    dor__session_unref((dor_session *)session);
}

int dor_ssl_session_serialise(const dor_ssl_session *session, void *data, size_t cap, size_t *len)
{
    dor_bytes out = DOR_BYTES_EMPTY;
    if (!session || !len || (!data && cap)) return DOR_E_BADARG;
    dor_result r = dor__session_serialise((const dor_session *)session, &out);
    if (dor__ok(r)) {
        *len = out.len;
        if (out.len > cap)
            r = dor__error(DOR_E_TOO_BIG);
        else
            memcpy(data, out.ptr, out.len);
    }
    dor__wipe(out.ptr, out.len);
    dor__bytes_free(&out);
    return r.code;
}

int dor_ssl_session_parse(const void *data, size_t len, dor_ssl_session **session)
{
    dor_session *parsed;
    if (!data || !session) return DOR_E_BADARG;
    dor_result r = dor__session_parse(dor__span(data, len), &parsed);
    if (dor__failed(r)) return r.code == DOR_E_NOMEM ? r.code : DOR_E_EINVAL;
    *session = (dor_ssl_session *)parsed;
    return DOR_OK;
}

/* ---- who decides -------------------------------------------------------------------------------------------------- */

bool dor__session_ask_policy(void (*fn)(void), void *arg, const dor_session *session, dor_span id)
{
    const dor_suite *suite = dor__suite_find(session->suite);
    const dor_session_offer offer = {
        .id = id.ptr,
        .id_len = id.len,
        .peer_cert = session->peer ? session->peer->der.ptr : NULL,
        .peer_cert_len = session->peer ? session->peer->der.len : 0,
        .protocol = dor__version_name(session->version),
        .cipher_suite = suite ? suite->name : "",
    };
    return ((dor_reuse_session_fn)fn)(&offer, arg) != 0;
}

int dor_options_set_reuse_session(dor_options *options, dor_reuse_session_fn fn, void *arg)
{
    if (!options) return DOR_E_BADARG;
    if (!fn) return dor_options_unset(options, "reuse_session");
    return dor__options_set_function(options, "reuse_session", (void (*)(void))fn, NULL, arg);
}

/* ---- caches ----------------------------------------------------------------------------------------------------- */

static dor_session_keeper *keeper_of(dor_session_cache *cache)
{
    return (dor_session_keeper *)cache;
}

int dor_session_cache_new(const dor_options *options, dor_session_cache **cache)
{
    dor_session_keeper *keeper;
    if (!cache) return DOR_E_BADARG;
    dor_result r = dor__options_keeper(options, &keeper);
    if (dor__ok(r)) *cache = (dor_session_cache *)keeper;
    return r.code;
}

dor_session_cache *dor_session_cache_ref(dor_session_cache *cache)
{
    return cache ? (dor_session_cache *)dor__session_keeper_ref(keeper_of(cache)) : NULL;
}

void dor_session_cache_unref(dor_session_cache *cache)
{
    dor__session_keeper_unref(keeper_of(cache));
}

static void release_cache(void *cache)
{
    dor_session_cache_unref(cache);
}

int dor_options_set_session_cache(dor_options *options, dor_session_cache *cache)
{
    if (!options) return DOR_E_BADARG;
    if (!cache) return dor_options_unset(options, "session_cache");
    return dor__options_set_object(options, "session_cache", dor_session_cache_ref(cache), release_cache);
}

int dor_session_cache_get_statistics(dor_session_cache *cache, dor_session_statistics *statistics)
{
    if (!cache || !statistics) return DOR_E_BADARG;
    dor__session_keeper_statistics(keeper_of(cache), statistics);
    return DOR_OK;
}

/* ---- stores ----------------------------------------------------------------------------------------------------- */

static void release_outside(void *outside)
{
    dor__session_outside_unref(outside);
}

int dor_options_set_session_store(dor_options *options, const dor_session_store_ops *ops, void *arg)
{
    dor_session_outside *outside;
    if (!options || (ops && (!ops->lookup || !ops->store || !ops->remove))) return DOR_E_BADARG;
    if (!ops) return dor_options_unset(options, "session_cb");
    dor_result r = dor__session_outside_new(ops, arg, &outside);
    return dor__ok(r) ? dor__options_set_object(options, "session_cb", outside, release_outside) : r.code;
}

int dor_question_session(dor_question *question, const void *data, size_t len)
{
    enum { LONGEST = 1 << 18 }; /* that dor__session_serialise makes */
    if (!question) return DOR_E_BADARG;
    if ((data || len == 0) && len <= LONGEST)
        return dor__question_answer(question, DOR_QUESTION_SESSION, dor__span(data, len));
    dor__question_unref(question);
    return data ? DOR_E_TOO_BIG : DOR_E_BADARG;
}

int dor_question_once(const dor_question *question)
{
    return question && dor__question_once(question);
}

/* ---- listeners ---------------------------------------------------------------------------------------------------- */

static dor_result ask_keeper(dor_actor *a, dor_ssl_query *query)
{
    dor_settings *settings;
    dor_address address;
    /* A listener has no peer whose name could be asked for; a connection is not one's business here. */
    if (dor__socket_name(a, true, &address).code != DOR_E_ENOTCONN) return dor__error(DOR_E_EINVAL);
    DOR_TRY(dor__socket_get_settings(a, &settings));
    *(dor_session_keeper **)query->out = dor__session_keeper_ref(settings->keeper);
    dor__settings_unref(settings);
    return DOR_SUCCESS;
}

static dor_result keeper_of_listener(dor_socket listener, dor_session_keeper **keeper)
{
    return dor__ssl_call(listener, &(dor_ssl_query){.run = ask_keeper, .out = keeper});
}

int dor_ssl_get_session_statistics(dor_socket listener, dor_session_statistics *statistics)
{
    dor_session_keeper *keeper;
    if (!statistics) return DOR_E_BADARG;
    dor_result r = keeper_of_listener(listener, &keeper);
    if (dor__failed(r)) return r.code;
    dor__session_keeper_statistics(keeper, statistics);
    dor__session_keeper_unref(keeper);
    return DOR_OK;
}

/* ---- clients ------------------------------------------------------------------------------------------------------ */

int dor_ssl_limit_client_sessions(dor_runtime *runtime, size_t max_servers, size_t max_bytes)
{
    dor_result r = dor__runtime_enter_real(&runtime);
    if (dor__failed(r)) return r.code;
    dor_client_sessions *clients = dor__ssl_clients(runtime);
    dor__runtime_leave(runtime);
    if (!clients) return DOR_E_NO_SESSION;
    dor__client_sessions_limit(clients, max_servers, max_bytes);
    dor__client_sessions_unref(clients);
    return DOR_OK;
}

int dor_ssl_get_client_session_statistics(dor_runtime *runtime, dor_session_statistics *statistics)
{
    if (!statistics) return DOR_E_BADARG;
    dor_result r = dor__runtime_enter_real(&runtime);
    if (dor__failed(r)) return r.code;
    dor_client_sessions *clients = dor__ssl_clients(runtime);
    dor__runtime_leave(runtime);
    *statistics = (dor_session_statistics){0};
    if (clients) dor__client_sessions_statistics(clients, statistics);
    dor__client_sessions_unref(clients);
    return DOR_OK;
}

/* ---- ticket keys -------------------------------------------------------------------------------------------------- */

static bool good_keys(const void *keys, size_t count, size_t key_len)
{
    return keys && key_len == DOR_TICKET_KEY_BYTES && count >= 1 && count <= DOR_TICKET_KEYS_MOST &&
           dor__ticket_keys_good(dor__span(keys, count * key_len));
}

int dor_options_set_ticket_keys(dor_options *options, const void *keys, size_t count, size_t key_len)
{
    _Static_assert((int)DOR_TICKET_KEY_BYTES == (int)DOR_TICKET_KEY_GIVEN_LEN &&
                       (int)DOR_TICKET_KEYS_MOST == (int)DOR_TICKET_KEYS_MAX,
                   "the public numbers are those of the keys");
    if (!options || !keys || key_len != DOR_TICKET_KEY_BYTES || count > DOR_TICKET_KEYS_MOST)
        return DOR_E_BADARG;
    return dor__options_replace_bytes(options, "ticket_keys", keys, count * key_len);
}

int dor_ssl_set_ticket_keys(dor_socket listener, const void *keys, size_t count, size_t key_len)
{
    dor_session_keeper *keeper;
    if (!good_keys(keys, count, key_len)) return DOR_E_BADARG;
    dor_result r = keeper_of_listener(listener, &keeper);
    if (dor__failed(r)) return r.code;
    dor__session_keeper_set_ticket_keys(keeper, dor__span(keys, count * key_len));
    dor__session_keeper_unref(keeper);
    return DOR_OK;
}
