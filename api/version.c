/* version.c - dormouse/version.h. */
#include <dormouse/version.h>

const char *dor_version(void)
{
    return DOR_VERSION;
}
