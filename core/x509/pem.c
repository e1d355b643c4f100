/*
 * pem.c - the blocks of a PEM text (RFC 7468; the header lines of RFC 1421 section 4.6 for old encrypted
 * keys).
 *
 * Lax between the blocks, where anything may stand, and about line ends; strict inside, because what is
 * broken there is a damaged file. One pass, each line looked at once.
 */
#include "x509/pem.h"

#include "crypto/base64.h"

static bool starts_with(dor_span s, const char *prefix)
{
    size_t len = strlen(prefix);
    return s.len >= len && memcmp(s.ptr, prefix, len) == 0;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/*
 * Takes a line off the front of *text, without its end and trailing white space; false when nothing is left.
 */
static bool next_line(dor_span *text, size_t *line, dor_span *content)
{
    if (text->len == 0) return false;
    const uint8_t *end = memchr(text->ptr, '\n', text->len);
    size_t len = end ? (size_t)(end - text->ptr) : text->len;
    size_t taken = end ? len + 1 : len;
    *content = dor__span(text->ptr, len);
    while (content->len > 0 && is_space(content->ptr[content->len - 1]))
        content->len--;
    *text = dor__span(text->ptr + taken, text->len - taken);
    (*line)++;
    return true;
}

/*
 * "-----BEGIN label-----", RFC 7468 section 3: the label is between the boundary's words, and may be empty
 * there.
 */
static bool is_boundary(dor_span content, const char *word, dor_span *label)
{
    size_t word_len = strlen(word);
    if (!starts_with(content, word) || content.len < word_len + 5) return false;
    if (memcmp(content.ptr + content.len - 5, "-----", 5) != 0) return false;
    *label = dor__span(content.ptr + word_len, content.len - word_len - 5);
    return true;
}

static bool find_begin(dor_span *text, size_t *line, dor_span *label, size_t *begin_line)
{
    dor_span content;
    while (next_line(text, line, &content)) {
        if (is_boundary(content, "-----BEGIN ", label)) {
            *begin_line = *line - 1;
            return true;
        }
    }
    return false;
}

/* What stands between the boundaries. */
typedef struct pem_body {
    dor_span base64; /* lines and all; header lines taken off */
    bool encrypted;
    dor_span dek_info;
} pem_body;

/*
 * Reads to the END line. Header lines ("Proc-Type: 4,ENCRYPTED") have a colon, which base64 has not, and end
 * with an empty line; they may stand at the very beginning only.
 */
static dor_result read_body(dor_span *text, size_t *line, dor_span label, pem_body *body)
{
    static const char dek_info[] = "DEK-Info: ";
    const dor_result broken = dor__error(DOR_E_FILE_MALFORMED);
    const uint8_t *start = text->ptr, *base64 = start;
    dor_span content, end_label;
    bool in_headers = true, had_header = false;
    body->encrypted = false;
    body->dek_info = DOR_SPAN_EMPTY;
    for (;;) {
        dor_span before = *text;
        size_t line_before = *line;
        if (!next_line(text, line, &content)) return broken; /* no END */
        if (is_boundary(content, "-----END ", &end_label)) {
            body->base64 = dor__span(base64, (size_t)(before.ptr - base64));
            return dor__span_equal(label, end_label) ? DOR_SUCCESS : broken;
        }
        if (starts_with(content, "-----BEGIN ")) { /* leave it for the next call */
            *text = before;
            *line = line_before;
            return broken;
        }
        if ((size_t)(text->ptr - start) > DOR_PEM_MAX_BLOCK_LEN) return broken;
        if (!in_headers) continue;
        if (content.len > 0 && memchr(content.ptr, ':', content.len)) {
            had_header = true;
            body->encrypted |= starts_with(content, "Proc-Type: 4,ENCRYPTED");
            if (starts_with(content, dek_info))
                body->dek_info = dor__span(content.ptr + strlen(dek_info), content.len - strlen(dek_info));
        } else if (!(had_header && content.len > 0 &&
                     is_space(content.ptr[0]))) { /* not a continued header */
            in_headers = false;
            if (had_header && content.len > 0) return broken;
            base64 = had_header ? text->ptr : start;
        }
    }
}

dor_result dor__pem_next(dor_span *text, size_t *line, dor_pem_block *block, bool *found)
{
    pem_body body;
    *block = (dor_pem_block){0};
    *found = false;
    if (*line == 0) *line = 1;
    if (starts_with(*text,
                    "\xef\xbb\xbf")) /* a byte order mark, as editors leave one at a file's beginning */
        *text = dor__span(text->ptr + 3, text->len - 3);
    if (!find_begin(text, line, &block->label, &block->line)) return DOR_SUCCESS;
    DOR_TRY(read_body(text, line, block->label, &body));
    block->encrypted = body.encrypted;
    block->dek_info = body.dek_info;
    dor_result result = dor__base64_decode(body.base64, &block->der);
    if (dor__ok(result) && block->der.len == 0) result = dor__error(DOR_E_FILE_MALFORMED);
    if (dor__failed(result)) {
        dor__bytes_free(&block->der);
        return result;
    }
    *found = true;
    return DOR_SUCCESS;
}

void dor__pem_block_fini(dor_pem_block *block)
{
    dor__bytes_free(&block->der); /* wipes */
}

static bool is_one_of(dor_span label, const char *const *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (dor__span_equal(label, dor__span_str(labels[i]))) return true;
    }
    return false;
}

bool dor__pem_is_certificate(dor_span label)
{
    static const char *const labels[] = {"CERTIFICATE", "X509 CERTIFICATE"};
    return is_one_of(label, labels, 2);
}

bool dor__pem_is_private_key(dor_span label)
{
    static const char *const labels[] = {"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY",
                                         "ENCRYPTED PRIVATE KEY"};
    return is_one_of(label, labels, 4);
}
