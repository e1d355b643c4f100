/* parts.h - numbers that reading and writing of PROXY headers share (section 2.2). */
#ifndef DOR_PROXY_PARTS_H
#define DOR_PROXY_PARTS_H

#include <stdint.h>

enum { DOR_PROXY_SIGNATURE_LEN = 12 };

extern const uint8_t dor__proxy_signature[DOR_PROXY_SIGNATURE_LEN];

enum {
    DOR_PROXY_ALPN = 0x01,
    DOR_PROXY_AUTHORITY = 0x02,
    DOR_PROXY_CRC32C = 0x03,
    DOR_PROXY_UNIQUE_ID = 0x05,
    DOR_PROXY_SSL = 0x20,
    DOR_PROXY_SUB_VERSION = 0x21,
    DOR_PROXY_SUB_CN = 0x22,
    DOR_PROXY_SUB_CIPHER = 0x23,
    DOR_PROXY_SUB_SIG_ALG = 0x24,
    DOR_PROXY_SUB_KEY_ALG = 0x25,
    DOR_PROXY_NETNS = 0x30
};

#endif
