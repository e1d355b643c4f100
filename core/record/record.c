/*
 * record.c - framing (RFC 8446 section 5.1, RFC 5246 section 6.2.1): records off the wire, payloads onto it.
 *
 * Thread: the connection's. Invariants of the reader: partial holds less than one record, or (done_partial) exactly
 * the one that was given out last; a length is believed only after it was compared with the protection's bound; a
 * record that lies whole in the caller's bytes is neither copied nor does it cost an allocation.
 */
#include "record/record.h"

#include "base/alloc.h"
#include "base/ct.h"

/* The first buffer for a record that came in part: enough for any alert or a small message. */
enum { PARTIAL_MIN_CAP = 64 };

/**
 * Judges as much of a header as is there, so that nonsense is refused at its first byte. *total is the record's
 * whole length once the header is complete.
 */
static dor_result check_header(const dor_protection *p, const uint8_t *header, size_t len, size_t *total)
{
    *total = 0;
    /* Type first: RFC 8446 section 5, "an unexpected record type MUST terminate the connection". */
    if (len > 0 && (header[0] < DOR_CONTENT_CHANGE_CIPHER_SPEC || header[0] > DOR_CONTENT_APPLICATION_DATA))
        return dor__alert(DOR_ALERT_UNEXPECTED_MESSAGE, DOR_REASON_RECORD_TYPE);
    /* The minor version is the caller's to judge: it means nothing before the versions are negotiated. */
    if (len > 1 && header[1] != 3) return dor__alert(DOR_ALERT_PROTOCOL_VERSION, DOR_REASON_RECORD_VERSION);
    if (len < DOR_RECORD_HEADER_LEN) return DOR_SUCCESS;
    size_t fragment_len = (size_t)header[3] << 8 | header[4];
    size_t max = p->ops->max_ciphertext;
    /* Before there are keys application data can only be early data that is passed over, or an error: as long as sealed. */
    if (header[0] == DOR_CONTENT_APPLICATION_DATA && max < DOR_RECORD_MAX_CIPHERTEXT_13)
        max = DOR_RECORD_MAX_CIPHERTEXT_13;
    if (fragment_len > max) return dor__alert(DOR_ALERT_RECORD_OVERFLOW, DOR_REASON_RECORD_OVERFLOW);
    *total = DOR_RECORD_HEADER_LEN + fragment_len;
    return DOR_SUCCESS;
}

static dor_result open_record(dor_protection *p, uint8_t *bytes, size_t total, dor_record *record)
{
    record->outer_type = bytes[0];
    record->version = (uint16_t)(bytes[1] << 8 | bytes[2]);
    DOR_TRY(p->ops->open(p, bytes, total - DOR_RECORD_HEADER_LEN, &record->type, &record->payload));
    /* What opened has its tag. What went by in the clear has none; then there is no padding either. */
    record->inner_len = (uint16_t)record->payload.len;
    if (p->ops->pads && record->outer_type == DOR_CONTENT_APPLICATION_DATA)
        record->inner_len = (uint16_t)(total - DOR_RECORD_HEADER_LEN - p->ops->suffix_len + 1);
    return DOR_SUCCESS;
}

/**
 * Moves bytes into partial until it holds `goal` of a record whose buffer may become `bound` large. Room doubles with
 * what has really arrived, so a header that announces much costs little.
 */
static dor_result take(dor_record_reader *r, size_t goal, size_t bound, const uint8_t *data, size_t len,
                       size_t *consumed)
{
    dor_bytes *b = &r->partial;
    size_t more = goal - b->len < len - *consumed ? goal - b->len : len - *consumed;
    if (more == 0) return DOR_SUCCESS;
    DOR_TRY(dor__bytes_reserve_within(b, more, bound));
    memcpy(b->ptr + b->len, data + *consumed, more);
    b->len += more;
    *consumed += more;
    return DOR_SUCCESS;
}

/** The way of a record that comes in pieces. total is its length if its header was there whole, else 0. */
static dor_result read_partial(dor_record_reader *r, dor_protection *p, size_t total, const uint8_t *data,
                               size_t len, size_t *consumed, dor_record *record, bool *found)
{
    if (total == 0) {
        if (r->partial.len < DOR_RECORD_HEADER_LEN)
            DOR_TRY(take(r, DOR_RECORD_HEADER_LEN, PARTIAL_MIN_CAP, data, len, consumed));
        DOR_TRY(check_header(p, r->partial.ptr, r->partial.len, &total));
        if (total == 0) return DOR_SUCCESS;
    }
    DOR_TRY(take(r, total, total > PARTIAL_MIN_CAP ? total : PARTIAL_MIN_CAP, data, len, consumed));
    if (r->partial.len < total) return DOR_SUCCESS;
    r->done_partial = true;
    DOR_TRY(open_record(p, r->partial.ptr, total, record));
    *found = true;
    return DOR_SUCCESS;
}

dor_result dor__record_read(dor_record_reader *r, dor_protection *p, uint8_t *data, size_t len,
                            size_t *consumed, dor_record *record, bool *found)
{
    size_t total = 0;

    *consumed = 0;
    *found = false;
    dor__record_reader_settle(r);
    if (len == 0) return DOR_SUCCESS;
    if (r->partial.len == 0) {
        DOR_TRY(check_header(p, data, len, &total));
        if (total > 0 && len >= total) {
            *consumed = total;
            DOR_TRY(open_record(p, data, total, record));
            *found = true;
            return DOR_SUCCESS;
        }
    }
    dor_result result = read_partial(r, p, total, data, len, consumed, record, found);
    if (dor__failed(result)) dor__record_reader_fini(r);
    return result;
}

size_t dor__record_whole(const dor_record_reader *r, const uint8_t *data, size_t len)
{
    size_t whole = 0;
    if (dor__record_reader_busy(r)) return len;
    while (len - whole >= DOR_RECORD_HEADER_LEN) {
        size_t fragment_len = (size_t)data[whole + 3] << 8 | data[whole + 4];
        if (fragment_len > DOR_RECORD_MAX_CIPHERTEXT_12) return len;
        if (len - whole - DOR_RECORD_HEADER_LEN < fragment_len) break;
        whole += DOR_RECORD_HEADER_LEN + fragment_len;
    }
    return whole;
}

void dor__record_reader_settle(dor_record_reader *r)
{
    if (r->done_partial) dor__record_reader_fini(r);
}

void dor__record_reader_fini(dor_record_reader *r)
{
    dor__bytes_free(&r->partial);
    r->done_partial = false;
}

bool dor__record_reader_busy(const dor_record_reader *r)
{
    return r->partial.len > 0 && !r->done_partial;
}

dor_result dor__record_write(dor_protection *p, uint8_t type, uint16_t version, size_t max_fragment,
                             dor_span payload, dor_bytes *out)
{
    return dor__record_write_padded(p, type, version, max_fragment, 0, payload, out);
}

/* Zeros behind so many bytes. */
static size_t padding_for(const dor_protection *p, size_t len, size_t pad_to, size_t max_fragment)
{
    size_t over = pad_to && p->ops->pads ? len % pad_to : 0;
    size_t wanted = over ? pad_to - over : 0;
    return wanted < max_fragment - len ? wanted : max_fragment - len;
}

dor_result dor__record_write_padded(dor_protection *p, uint8_t type, uint16_t version, size_t max_fragment,
                                    size_t pad_to, dor_span payload, dor_bytes *out)
{
    if (max_fragment == 0) return dor__error(DOR_E_BADARG);
    if (max_fragment > DOR_RECORD_MAX_PLAINTEXT) max_fragment = DOR_RECORD_MAX_PLAINTEXT;

    size_t prefix_len = DOR_RECORD_HEADER_LEN + p->ops->prefix_len;
    size_t overhead = prefix_len + p->ops->suffix_len;
    size_t count = payload.len == 0 ? 1 : (payload.len - 1) / max_fragment + 1;
    /* Only the last is not full, and a full one has no room for padding. */
    size_t padding = padding_for(p, payload.len - (count - 1) * max_fragment, pad_to, max_fragment);
    if (count > (SIZE_MAX - payload.len - padding) / overhead) return dor__error(DOR_E_TOO_BIG);
    DOR_TRY(dor__bytes_reserve(out, payload.len + padding + count * overhead));

    size_t start = out->len;
    for (size_t i = 0; i < count; i++) {
        size_t len = payload.len < max_fragment ? payload.len : max_fragment;
        uint8_t *record = out->ptr + out->len;
        if (len > 0) memcpy(record + prefix_len, payload.ptr, len);
        p->padding = i + 1 == count ? (uint16_t)padding : 0;
        dor_result result = p->ops->seal(p, type, version, record, len);
        if (dor__failed(result)) {
            dor__wipe(out->ptr + start, out->len - start + overhead + len + p->padding);
            out->len = start;
            return result;
        }
        out->len += DOR_RECORD_HEADER_LEN + ((size_t)record[3] << 8 | record[4]);
        if (len > 0) payload = dor__span(payload.ptr + len, payload.len - len);
    }
    return DOR_SUCCESS;
}
