/*
 * key_log.c - secrets for a debugger, in the lines of the NSS key log format (draft-ietf-tls-keylogfile): a label, the
 * client's random and a secret, both in hexadecimal.
 *
 * A secret is in a line only while it is handed over; the buffer is wiped.
 */
#include "tls/exporter.h"
#include "tls/kept.h"

#include <stdio.h>

enum { LABEL_MAX = 32 }; /* "CLIENT_TRAFFIC_SECRET_" and ten digits; the longest fixed one has 31 */

bool dor__key_log_wanted(const dor_tls *t)
{
    return t->env->key_log || t->config->key_log;
}

static char *hex_put(char *to, dor_span s)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < s.len; i++) {
        *to++ = digits[s.ptr[i] >> 4];
        *to++ = digits[s.ptr[i] & 15];
    }
    return to;
}

/* The line with its NUL; false when it would not fit. */
static bool line_make(char line[DOR_KEY_LOG_LINE_MAX], const char *label, const uint8_t *client_random,
                      dor_span secret)
{
    size_t label_len = strlen(label);
    if (label_len > LABEL_MAX || secret.len > DOR_SECRET_MAX_LEN) return false;
    memcpy(line, label, label_len);
    char *p = line + label_len;
    *p++ = ' ';
    p = hex_put(p, dor__span(client_random, DOR_RANDOM_LEN));
    *p++ = ' ';
    p = hex_put(p, secret);
    *p = '\0';
    return true;
}

void dor__key_log(const dor_tls *t, const char *label, dor_span secret)
{
    char line[DOR_KEY_LOG_LINE_MAX];
    if (!dor__key_log_wanted(t) || (!t->hs && !t->kept)) return;
    if (!line_make(line, label, t->kept ? t->kept->client_random : t->hs->client_random, secret)) return;
    if (t->env->key_log) t->env->key_log(t->env->ctx, line);
    if (t->config->key_log) t->config->key_log(t->config->key_log_ctx, line);
    dor__wipe(line, sizeof line);
}

static void traffic_label(char label[LABEL_MAX + 1], bool client, uint32_t number)
{
    (void)snprintf(label, LABEL_MAX + 1, "%s_TRAFFIC_SECRET_%lu", client ? "CLIENT" : "SERVER",
                   (unsigned long)number);
}

void dor__key_log_update(dor_tls *t, bool ours, dor_span secret)
{
    char label[LABEL_MAX + 1];
    if (!t->kept) return;
    uint32_t *count = ours ? &t->kept->writes : &t->kept->reads;
    if (*count < UINT32_MAX) ++*count;
    if (!dor__key_log_wanted(t)) return;
    traffic_label(label, ours == dor__is_client(t), *count);
    dor__key_log(t, label, secret);
}

/* ---- of what was kept -------------------------------------------------------------------------------------- */

static dor_result tell(const dor_tls *t, dor_tls_line_fn tell_line, void *arg, const char *label,
                       const uint8_t *secret)
{
    char line[DOR_KEY_LOG_LINE_MAX];
    size_t len =
        t->version == DOR_TLS_1_2 ? DOR_MASTER_SECRET_LEN : dor__hash_len((dor_hash_id)t->suite->hash);
    if (!line_make(line, label, t->kept->client_random, dor__span(secret, len)))
        return dor__error(DOR_E_INTERNAL);
    dor_result r = tell_line(arg, line);
    dor__wipe(line, sizeof line);
    return r;
}

dor_result dor__tls_key_log_lines(const dor_tls *t, dor_tls_line_fn tell_line, void *arg)
{
    const dor_tls_kept *kept = t->kept;
    char label[LABEL_MAX + 1];
    if (!t->connected) return dor__error(DOR_E_ENOTCONN);
    if (!kept || !t->config->keep_secrets) return dor__error(DOR_E_NOT_KEPT);
    if (t->version == DOR_TLS_1_2) return tell(t, tell_line, arg, "CLIENT_RANDOM", kept->secret);
    static const char *const labels[] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                                         "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"};
    for (size_t i = 0; i < DOR_KEPT_TRAFFIC_COUNT; i++)
        DOR_TRY(tell(t, tell_line, arg, labels[i], kept->traffic[i]));
    DOR_TRY(tell(t, tell_line, arg, "EXPORTER_SECRET", kept->secret));
    bool client = dor__is_client(t);
    if (kept->writes) {
        traffic_label(label, client, kept->writes);
        DOR_TRY(tell(t, tell_line, arg, label, t->write_secret));
    }
    if (kept->reads) {
        traffic_label(label, !client, kept->reads);
        DOR_TRY(tell(t, tell_line, arg, label, t->read_secret));
    }
    return DOR_SUCCESS;
}
