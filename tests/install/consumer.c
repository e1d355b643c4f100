/* A program that uses the installed library, and that has a function named as one of wolfCrypt's: the libraries must
 * not see it, nor it theirs. */
#include <dormouse/error.h>

#include <stdio.h>
#include <string.h>

int wc_InitRng(void *rng);

int wc_InitRng(void *rng)
{
    (void)rng;
    return -1;
}

int main(void)
{
    char text[128];
    dor_format_error(DOR_OK, text, sizeof text);
    puts(text);
    return text[0] == '\0' || strcmp(dor_alert_name(0), "close_notify") != 0;
}
