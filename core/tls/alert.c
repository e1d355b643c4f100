/*
 * alert.c - alerts, ours and the peer's (RFC 8446 section 6, RFC 5246 section 7.2), and the failure that sticks.
 */
#include "tls/again.h"
#include "tls/internal.h"

enum { LEVEL_WARNING = 1, LEVEL_FATAL = 2 };

static dor_result alert_write(dor_tls *t, uint8_t level, dor_alert alert)
{
    const uint8_t payload[2] = {level, (uint8_t)alert};
    return dor__records_send(t, DOR_CONTENT_ALERT, dor__span(payload, sizeof payload));
}

dor_result dor__alert_warn(dor_tls *t, dor_alert alert)
{
    return alert_write(t, LEVEL_WARNING, alert);
}

/*
 * What the peer is told of a failure. Nothing when the failure is the peer's own alert; internal_error for what is
 * none of its business (RFC 8446 section 6.2).
 */
static bool alert_of(dor_result r, dor_alert *alert)
{
    switch (dor_error_get_class(r.code)) {
    case DOR_CLASS_ALERT_RECEIVED: return false;
    case DOR_CLASS_ALERT_SENT: *alert = (dor_alert)dor_error_get_alert(r.code); return true;
    default: *alert = DOR_ALERT_INTERNAL_ERROR; return true;
    }
}

/*
 * A client's first words under its keys are an alert: as any other second flight they need the change_cipher_spec of
 * RFC 8446 appendix D.4 in front, or a middlebox swallows them.
 */
static dor_result ccs_before_alert(dor_tls *t)
{
    dor_handshake *hs = t->hs;
    bool protected = t->write.ops->suffix_len != 0;
    if (!hs || !dor__is_client(t) || t->version != DOR_TLS_1_3 || !protected) return DOR_SUCCESS;
    hs->flight.len = 0; /* what was gathered is not said any more */
    return dor__compat_ccs_write(t);
}

dor_result dor__tls_fail(dor_tls *t, dor_result r)
{
    dor_alert alert;
    if (dor__failed(t->error)) return t->error;
    t->error = r;
    if (!t->alert_sent && !t->write_closed && (dor__is_client(t) ? t->started : true) &&
        alert_of(r, &alert)) {
        t->alert_sent = true;
        dor_result sent = ccs_before_alert(t);
        if (dor__ok(sent)) sent = alert_write(t, LEVEL_FATAL, alert);
        (void)sent; /* without memory the peer just sees the end */
    }
    dor__session_forget_12(t);
    if (t->hs && t->hs->second) { /* and the one that was there before */
        dor__again_abandon(t);
        dor__session_forget_12(t);
    }
    dor__handshake_free(t);
    dor__keys_wipe(t);
    return t->error;
}

/* TLS 1.3: the level means nothing; whatever does not close is fatal (RFC 8446 section 6). */
static bool is_warning(const dor_tls *t, uint8_t level, uint8_t alert)
{
    if (t->version == DOR_TLS_1_3) return alert == DOR_ALERT_USER_CANCELED;
    return level == LEVEL_WARNING;
}

dor_result dor__alert_receive(dor_tls *t, dor_span payload, bool *closed)
{
    dor_reader r = rd_from(payload);
    uint8_t level, alert;
    *closed = false;
    if (payload.len == 0) /* RFC 8446 section 5.4 */
        return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_EMPTY_FRAGMENTS);
    DOR_TRY(rd_u8(&r, &level));
    DOR_TRY(rd_u8(&r, &alert));
    DOR_TRY(rd_end(&r)); /* one alert a record, whole: RFC 8446 section 5.1 */
    if (level != LEVEL_WARNING && level != LEVEL_FATAL)
        return dor__alert(DOR_ALERT_ILLEGAL_PARAMETER, DOR_REASON_ILLEGAL_PARAMETER);
    if (alert == DOR_ALERT_CLOSE_NOTIFY) {
        if (t->hs && !t->hs->second) return dor__peer_alert(alert);
        if (t->hs) dor__again_abandon(t);
        *closed = true;
        return DOR_SUCCESS;
    }
    if (!is_warning(t, level, alert)) return dor__peer_alert(alert);
    if (t->message
            .len) /* nothing stands between a message's parts, but what ends the connection: RFC 8446 section 5.1 */
        return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_UNEXPECTED_MESSAGE);
    if (t->warning_alerts >= t->config->max_warning_alerts)
        return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_WARNING_ALERTS);
    t->warning_alerts++;
    if (alert == DOR_ALERT_NO_RENEGOTIATION) dor__renegotiation_refused(t);
    return DOR_SUCCESS;
}
