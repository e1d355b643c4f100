/* key_log_support.h - a function for dor_options_set_key_log that keeps the lines, from any thread. */
#ifndef TESTS_KEY_LOG_SUPPORT_H
#define TESTS_KEY_LOG_SUPPORT_H

#include "net_support.h"

#include <pthread.h>
#include <string.h>

typedef struct heard {
    pthread_mutex_t lock;
    char text[8192];
} heard;

static inline void hear(const char *line, void *arg)
{
    heard *h = arg;
    pthread_mutex_lock(&h->lock);
    cr_assert(strlen(h->text) + strlen(line) + 2 < sizeof h->text);
    strcat(strcat(h->text, line), "\n");
    pthread_mutex_unlock(&h->lock);
}

#endif
