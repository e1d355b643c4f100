/* report.c - figures as text, as JSON and as the table of docs/performance.md. */
#include "bench.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *rows; /* FORMAT_JSON: they are printed at the end */

static double main_figure(const bench_job *job, const bench_summary *s)
{
    return job->c->memory ? s->median.bytes : s->median.cpu_ns;
}

/* Ours by theirs, 0 when there is none. */
static double ratio(const bench_job *job, const bench_summary *ours, const bench_summary *theirs)
{
    double divisor = theirs->rounds ? main_figure(job, theirs) : 0;
    return ours->rounds && divisor > 0 ? main_figure(job, ours) / divisor : 0;
}

/* Three digits that count, thousands apart, or a dash. */
static const char *number(char text[32], double value, bool there)
{
    long long whole = (long long)(value + 0.5);
    if (!there)
        snprintf(text, 32, "-");
    else if (value < 100)
        snprintf(text, 32, value < 10 ? "%.2f" : "%.1f", value);
    else if (whole < 1000)
        snprintf(text, 32, "%lld", whole);
    else if (whole < 1000000)
        snprintf(text, 32, "%lld,%03lld", whole / 1000, whole % 1000);
    else
        snprintf(text, 32, "%.3g", value);
    return text;
}

static const char *wall(char text[32], const bench_job *job, const bench_summary *s)
{
    /* Timers take as long as their delays. */
    bool there = s->rounds && !job->c->memory && strcmp(job->c->program, "timers") != 0;
    return number(text, s->median.wall_ns, there);
}

/* ---- text ---- */

static void text_row(const bench_job *job, const bench_summary s[SYSTEM_COUNT])
{
    char text[32];
    printf("%-16s %-8s", job->c->name, job->c->unit);
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        printf(" %9s", number(text, main_figure(job, &s[i]), s[i].rounds));
        printf(" %9s", wall(text, job, &s[i]));
    }
    for (int i = 1; i < SYSTEM_COUNT; i++) {
        double r = ratio(job, &s[SYSTEM_DORMOUSE], &s[i]);
        printf(" %8s", number(text, r, r > 0));
    }
    printf("\n");
}

/* ---- Markdown ---- */

static void markdown_head(void)
{
    printf("| case | unit |");
    for (int i = 0; i < SYSTEM_COUNT; i++)
        printf(" %s CPU | wall |", bench_system_names[i]);
    for (int i = 1; i < SYSTEM_COUNT; i++)
        printf(" ratio to %s |", bench_system_names[i]);
    printf("\n|---|---|---|---|---|---|---|---|---|---|\n");
}

static void markdown_row(const bench_job *job, const bench_summary s[SYSTEM_COUNT])
{
    char text[32];
    printf("| %s (`%s`) | %s%s |", job->c->title, job->c->name, job->c->memory ? "" : "ns/", job->c->unit);
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        printf(" %s |", number(text, main_figure(job, &s[i]), s[i].rounds));
        printf(" %s |", wall(text, job, &s[i]));
    }
    for (int i = 1; i < SYSTEM_COUNT; i++) {
        double r = ratio(job, &s[SYSTEM_DORMOUSE], &s[i]);
        if (r > 0)
            printf(" **%s** |", number(text, r, true));
        else
            printf(" - |");
    }
    printf("\n");
}

/* ---- JSON ---- */

static json_t *json_summary(const bench_job *job, const bench_summary *s)
{
    if (!s->rounds) return json_null();
    if (job->c->memory)
        return json_pack("{s:f,s:f,s:f}", "bytes", s->median.bytes, "bytes_least", s->least.bytes,
                         "bytes_most", s->most.bytes);
    return json_pack("{s:f,s:f,s:f,s:f,s:f,s:f}", "cpu_ns", s->median.cpu_ns, "cpu_ns_least", s->least.cpu_ns,
                     "cpu_ns_most", s->most.cpu_ns, "wall_ns", s->median.wall_ns, "wall_ns_least",
                     s->least.wall_ns, "wall_ns_most", s->most.wall_ns);
}

static void json_row(const bench_job *job, const bench_summary s[SYSTEM_COUNT])
{
    json_t *row =
        json_pack("{s:s,s:s,s:s,s:I,s:i}", "case", job->c->name, "title", job->c->title, "unit", job->c->unit,
                  "count", (json_int_t)job->count, "schedulers", (int)job->c->schedulers);
    json_t *ratios = json_object();
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        double r = i > 0 ? ratio(job, &s[SYSTEM_DORMOUSE], &s[i]) : 0;
        json_object_set_new(row, bench_system_names[i], json_summary(job, &s[i]));
        if (i > 0) json_object_set_new(ratios, bench_system_names[i], r > 0 ? json_real(r) : json_null());
    }
    json_object_set_new(row, "ratio", ratios);
    json_array_append_new(rows, row);
}

static void json_print(int rounds, bool complete)
{
    json_t *versions = json_object();
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        const char *version = bench_system_version((bench_system)i);
        json_object_set_new(versions, bench_system_names[i], *version ? json_string(version) : json_null());
    }
    json_t *all = json_pack("{s:i,s:b,s:o,s:o}", "rounds", rounds, "complete", (int)complete, "versions",
                            versions, "cases", rows);
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(all);
    rows = NULL;
}

/* ---- all ---- */

void bench_report_begin(bench_format format)
{
    if (format == FORMAT_JSON) {
        rows = json_array();
    } else if (format == FORMAT_MARKDOWN) {
        markdown_head();
    } else {
        printf("%-16s %-8s", "", "");
        for (int i = 0; i < SYSTEM_COUNT; i++)
            printf(" %19s", bench_system_names[i]);
        printf(" %17s\n%-16s %-8s", "ratio to", "case", "per");
        for (int i = 0; i < SYSTEM_COUNT; i++)
            printf(" %9s %9s", "cpu ns", "wall ns");
        printf(" %8s %8s\n", bench_system_names[SYSTEM_ERLANG], bench_system_names[SYSTEM_CAF]);
    }
    fflush(stdout);
}

void bench_report_row(bench_format format, const bench_job *job, const bench_summary summaries[SYSTEM_COUNT])
{
    if (format == FORMAT_JSON)
        json_row(job, summaries);
    else if (format == FORMAT_MARKDOWN)
        markdown_row(job, summaries);
    else
        text_row(job, summaries);
    fflush(stdout);
}

void bench_report_end(bench_format format, int rounds, bool complete)
{
    if (format == FORMAT_JSON) {
        json_print(rounds, complete);
        return;
    }
    printf("\nMedians of %d round%s;", rounds, rounds == 1 ? "" : "s");
    for (int i = 0; i < SYSTEM_COUNT; i++) {
        const char *version = bench_system_version((bench_system)i);
        printf("%s %s", i ? "," : "", *version ? version : "");
        if (!*version) printf("no %s", bench_system_names[i]);
    }
    printf(".%s\n", complete ? "" : " Some figures are missing.");
}
