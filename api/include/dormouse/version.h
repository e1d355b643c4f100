/* dormouse/version.h - which Dormouse this is. */
#ifndef DORMOUSE_VERSION_H
#define DORMOUSE_VERSION_H

#include <dormouse/error.h>

/** The version of these headers. */
#define DOR_VERSION_MAJOR 0
#define DOR_VERSION_MINOR 1
#define DOR_VERSION_PATCH 0
#define DOR_VERSION       "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The version of the library in use, which a program linked to the shared library may compare with DOR_VERSION. A constant;
 * any thread.
 */
DOR_API const char *dor_version(void);

#ifdef __cplusplus
}
#endif
#endif
