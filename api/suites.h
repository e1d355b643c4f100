/* suites.h - a suite of core/tls in the words of dormouse/suites.h. Pure function, any thread. */
#ifndef DOR_API_SUITES_H
#define DOR_API_SUITES_H

#include "ssl/settings.h"
#include <dormouse/suites.h>

void dor__suite_describe(const dor_suite *suite, dor_cipher_suite *out);

#endif
