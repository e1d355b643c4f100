/* encrypted_extensions.c - EncryptedExtensions (RFC 8446 section 4.3.1). */
#include "tls/early_data_13.h"
#include "tls/extension/extensions.h"
#include "tls/message/messages.h"

static dor_result encrypted_extensions_send(dor_tls *t, dor_bytes *w)
{
    return dor__extensions_send(t, DOR_CTX_ENCRYPTED_EXTENSIONS, w);
}

static dor_result encrypted_extensions_receive(dor_tls *t, dor_span body)
{
    dor_reader r = rd_from(body);
    dor_span block;
    dor_ext_block found;
    DOR_TRY(rd_vec16(&r, &block, 0, 65535));
    DOR_TRY(rd_end(&r));
    DOR_TRY(dor__extensions_split(block, DOR_CTX_ENCRYPTED_EXTENSIONS, &found));
    DOR_TRY(dor__extensions_receive(t, DOR_CTX_ENCRYPTED_EXTENSIONS, &found));
    return dor__early_settle(t, (found.present & dor__ext_bit(DOR_EXT_EARLY_DATA)) != 0);
}

const dor_action dor__msg_encrypted_extensions = {
    .name = "EncryptedExtensions",
    .kind = DOR_ACTION_MESSAGE,
    .writer = DOR_BY_SERVER,
    .type = DOR_HS_ENCRYPTED_EXTENSIONS,
    .min_len = 2,
    .max_len = 2 + 65535,
    .send = encrypted_extensions_send,
    .receive = encrypted_extensions_receive,
};
