/*
 * dormouse-bench-actors - what actors cost in Dormouse, in Erlang and in CAF: the same programs, in one run.
 *
 *   dormouse-bench-actors [--quick] [--rounds N] [--count N] [--alone] [--json | --markdown] [--only CASE]...
 *
 * Each case is run `rounds` times, by one system right after the other, each time in a process of its own; a figure is the
 * median. CPU figures are user and kernel time of the whole process, by operation. A system that is not installed is
 * said to be missing, and its column stays empty.
 *
 * The exit status is 0, 1 when something that is there did not do what it was told, 2 for a bad command line.
 */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CASES = 64 };

typedef struct settings {
    int rounds;
    uint64_t count;
    bool quick, alone, help;
    bench_format format;
    const bench_case *only[MAX_CASES];
    int only_count;
} settings;

/* ---- command line ---- */

static int refuse(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("dormouse-bench-actors: ", stderr);
    vfprintf(stderr, format, list);
    fputs("\ntry  dormouse-bench-actors --help\n", stderr);
    va_end(list);
    return -1;
}

static int help(void)
{
    printf("usage: dormouse-bench-actors [--quick] [--rounds N] [--count N] [--alone]\n"
           "                             [--json | --markdown] [--only CASE]...\n\n"
           "  --quick      a tenth of the operations\n"
           "  --rounds N   rounds of which the median is taken (3; at most %d)\n"
           "  --count N    operations in each round, whatever the case\n"
           "  --alone      Dormouse alone, without Erlang and CAF\n"
           "  --json       the figures as JSON;  --markdown  as a table for a document\n"
           "  --only CASE  this case; may be given more than once\n\ncases:\n",
           BENCH_MAX_ROUNDS);
    for (size_t i = 0; i < bench_case_count; i++)
        printf("  %-16s %s\n", bench_cases[i].name, bench_cases[i].title);
    return 0;
}

static int parse_number(const char *option, const char *text, uint64_t most, uint64_t *number)
{
    char *rest;
    if (!text) return refuse("%s takes a number", option);
    errno = 0;
    *number = strtoull(text, &rest, 10);
    if (*text < '0' || *text > '9' || *rest || errno || *number < 1 || *number > most)
        return refuse("%s takes a number from 1 to %llu, not \"%s\"", option, (unsigned long long)most, text);
    return 0;
}

static int parse_case(settings *s, const char *name)
{
    const bench_case *c = name ? bench_find_case(name) : NULL;
    if (!name) return refuse("--only takes the name of a case");
    if (!c) return refuse("there is no case \"%s\"", name);
    if (s->only_count == MAX_CASES) return refuse("so many cases there are not");
    s->only[s->only_count++] = c;
    return 0;
}

static int parse_format(settings *s, bench_format format)
{
    if (s->format != FORMAT_TEXT && s->format != format)
        return refuse("--json and --markdown exclude each other");
    s->format = format;
    return 0;
}

static int parse(settings *s, int argc, char **argv)
{
    uint64_t number;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(word, "--quick") == 0) {
            s->quick = true;
        } else if (strcmp(word, "--alone") == 0) {
            s->alone = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            s->help = true;
        } else if (strcmp(word, "--json") == 0) {
            if (parse_format(s, FORMAT_JSON) < 0) return -1;
        } else if (strcmp(word, "--markdown") == 0) {
            if (parse_format(s, FORMAT_MARKDOWN) < 0) return -1;
        } else if (strcmp(word, "--rounds") == 0) {
            if (parse_number(word, next, BENCH_MAX_ROUNDS, &number) < 0) return -1;
            s->rounds = (int)number;
            i++;
        } else if (strcmp(word, "--count") == 0) {
            if (parse_number(word, next, 1000000000, &s->count) < 0) return -1;
            i++;
        } else if (strcmp(word, "--only") == 0) {
            if (parse_case(s, next) < 0) return -1;
            i++;
        } else {
            return refuse("there is no option \"%s\"", word);
        }
    }
    return 0;
}

/* ---- running ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The n-th field of the figures, in order, into the summary. */
static void summarise(bench_summary *s, const bench_figure *figures, int count)
{
    enum { FIELDS = sizeof(bench_figure) / sizeof(double) };
    double values[BENCH_MAX_ROUNDS], *median = &s->median.cpu_ns, *least = &s->least.cpu_ns,
                                     *most = &s->most.cpu_ns;
    s->rounds = count;
    for (int field = 0; field < FIELDS && count > 0; field++) {
        for (int i = 0; i < count; i++)
            values[i] = (&figures[i].cpu_ns)[field];
        qsort(values, (size_t)count, sizeof *values, compare);
        median[field] = values[count / 2];
        least[field] = values[0];
        most[field] = values[count - 1];
    }
}

static bool takes_part(const settings *s, const bench_case *c, int system)
{
    if (system != SYSTEM_DORMOUSE && s->alone) return false;
    return bench_system_there((bench_system)system) && !(c->lacks >> system & 1);
}

/* A system that fails once is left out of the case. */
static int run_case(const settings *s, const bench_case *c)
{
    static bench_figure figures[SYSTEM_COUNT][BENCH_MAX_ROUNDS];
    bench_summary summaries[SYSTEM_COUNT] = {0};
    bench_job job = bench_make_job(c, s->count, s->quick);
    bool failed[SYSTEM_COUNT] = {0};
    int result = 0;
    for (int round = 0; round < s->rounds; round++)
        for (int i = 0; i < SYSTEM_COUNT; i++)
            if (takes_part(s, c, i) && !failed[i])
                failed[i] = bench_measure((bench_system)i, &job, &figures[i][round]) < 0;
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        if (takes_part(s, c, i) && !failed[i]) summarise(&summaries[i], figures[i], s->rounds);
        if (failed[i]) result = -1;
    }
    bench_report_row(s->format, &job, summaries);
    return result;
}

static int run_all(const settings *s)
{
    int result = 0;
    for (int i = 1; i < SYSTEM_COUNT && !s->alone; i++)
        if (!bench_system_there((bench_system)i))
            fprintf(stderr, "%s is missing, so its columns stay empty (make bench-actors installs it)\n",
                    bench_system_names[i]);
    bench_report_begin(s->format);
    for (size_t i = 0; i < bench_case_count; i++) {
        bool wanted = s->only_count == 0;
        for (int k = 0; k < s->only_count; k++)
            wanted = wanted || s->only[k] == &bench_cases[i];
        if (wanted && run_case(s, &bench_cases[i]) < 0) result = -1;
    }
    bench_report_end(s->format, s->rounds, result == 0);
    return result;
}

static int find_systems(void)
{
    char self[1000], folder[1000];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return refuse("cannot tell where this program is");
    self[n] = 0;
    memcpy(folder, self, sizeof folder);
    *strrchr(folder, '/') = 0;
    bench_systems_find(folder, self);
    return 0;
}

int main(int argc, char **argv)
{
    settings s = {.rounds = 3};
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "--child") == 0) return bench_child_main(argc - 2, argv + 2);
    if (parse(&s, argc, argv) < 0) return 2;
    if (s.help) return help();
    if (find_systems() < 0) return 1;
    return run_all(&s) < 0;
}
