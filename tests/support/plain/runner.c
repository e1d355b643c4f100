/* A plain runner for Criterion tests, for sanitizers and valgrind.
 *
 * Criterion starts each test in a fresh process whose memory it lays out itself, and ends it with _exit(). Under
 * ThreadSanitizer that cannot start at all (the addresses are taken), and LeakSanitizer never gets to look. This
 * file replaces that half: it walks the same test table, forks for each test, and lets the child end with exit().
 * The assertion macros are Criterion's own; what they call to report, abort or skip is defined here, and these
 * definitions win over those of libcriterion at link time.
 *
 * Arguments: --filter PATTERN (a glob over suite/test); others are taken and ignored, so that one command line fits
 * both runners. Not supported: theories, redirected standard streams.
 */
#include <criterion/criterion.h>
#include <criterion/event.h>
#include <criterion/parameterized.h>

#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_TIMEOUT_S = 120, POLL_US = 2000 };

/* The tables that Test() and TestSuite() fill. The linker names the bounds of a section by itself. */
extern struct criterion_test *__start_cr_tst[] __attribute__((weak));
extern struct criterion_test *__stop_cr_tst[] __attribute__((weak));
extern struct criterion_suite *__start_cr_sts[] __attribute__((weak));
extern struct criterion_suite *__stop_cr_sts[] __attribute__((weak));

/* What a child tells its parent beside its exit status; in memory that both share. */
struct report {
    atomic_uint failed;
    atomic_bool skipped;
};

enum outcome { PASSED, FAILED, CRASHED, SKIPPED };

static struct report *report;
static struct criterion_test *current;
static struct criterion_suite *current_suite;
static void *current_param;
static pthread_t main_thread;
static sigjmp_buf after_test;

/* --- what the macros of <criterion/...> call ------------------------------------------------------------------ */

static void run_hooks(const struct criterion_test_extra_data *first,
                      const struct criterion_test_extra_data *second, bool fini)
{
    void (*one)(void) = !first ? NULL : fini ? first->fini : first->init;
    void (*two)(void) = !second ? NULL : fini ? second->fini : second->init;
    if (one) one();
    if (two) two();
}

static const struct criterion_test_extra_data *suite_data(void)
{
    return current_suite ? current_suite->data : NULL;
}

void criterion_internal_test_setup(void)
{
    run_hooks(suite_data(), current->data, false);
}

void criterion_internal_test_main(void (*fn)(void))
{
    if (sigsetjmp(after_test, 0)) return; /* an assertion failed, or the test was skipped */
    if (current->data->kind_ == CR_TEST_PARAMETERIZED)
        ((void (*)(void *))fn)(current_param);
    else
        fn();
}

void criterion_internal_test_teardown(void)
{
    run_hooks(current->data, suite_data(), true);
}

void criterion_send_assert(struct criterion_assert_stats *stats)
{
    if (stats->passed) return;
    atomic_fetch_add(&report->failed, 1);
    fprintf(stderr, "[----] %s:%u: %s\n", stats->file, stats->line, stats->message ? stats->message : "");
}

void cri_asserts_passed_incr(void) {}

void criterion_abort_test(void)
{
    if (pthread_equal(pthread_self(), main_thread)) siglongjmp(after_test, 1);
    fflush(NULL); /* another thread has no way back into the test */
    _exit(1);
}

void criterion_continue_test(void) {}

static void print_message(const char *format, va_list arguments)
{
    fprintf(stderr, "[----] %s/%s: ", current->category, current->name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void criterion_skip_test(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
    atomic_store(&report->skipped, true);
    criterion_abort_test();
}

void criterion_test_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
    atomic_fetch_add(&report->failed, 1);
    exit(1);
}

/* Criterion's own take memory from an arena that does not exist here. */
void *cr_malloc(size_t size)
{
    return malloc(size);
}

void *cr_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

void *cr_realloc(void *old, size_t size)
{
    return realloc(old, size);
}

void cr_free(void *old)
{
    free(old);
}

/* --- running -------------------------------------------------------------------------------------------------- */

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double timeout_s(void)
{
    double slower = getenv("DORMOUSE_VALGRIND") ? 20 : 5; /* than without a tool that looks on */
    if (current->data->timeout > 0) return current->data->timeout * slower;
    if (suite_data() && suite_data()->timeout > 0) return suite_data()->timeout * slower;
    return DEFAULT_TIMEOUT_S;
}

/* Waits for the child, kills it when its time is over. Returns what waitpid() said. */
static int wait_for(pid_t child, bool *timed_out)
{
    double end = now_s() + timeout_s();
    int status = 0;
    *timed_out = false;
    for (;;) {
        pid_t got = waitpid(child, &status, WNOHANG);
        if (got == child) return status;
        if (got < 0 && errno != EINTR) return 0x7f00;
        if (!*timed_out && now_s() > end) {
            *timed_out = true;
            kill(child, SIGKILL);
        }
        usleep(POLL_US);
    }
}

static enum outcome judge(int status, bool timed_out)
{
    int wanted_signal = current->data->signal, wanted_code = current->data->exit_code;
    if (!wanted_signal && suite_data()) wanted_signal = suite_data()->signal;
    if (!wanted_code && suite_data()) wanted_code = suite_data()->exit_code;
    if (timed_out) {
        fprintf(stderr, "[----] %s/%s: timed out\n", current->category, current->name);
        return CRASHED;
    }
    if (WIFSIGNALED(status)) {
        if (WTERMSIG(status) == wanted_signal) return PASSED;
        fprintf(stderr, "[----] %s/%s: %s\n", current->category, current->name, strsignal(WTERMSIG(status)));
        return CRASHED;
    }
    if (atomic_load(&report->failed) > 0) return FAILED;
    if (atomic_load(&report->skipped)) return SKIPPED;
    if (wanted_signal) return FAILED;
    if (WEXITSTATUS(status) != wanted_code) {
        fprintf(stderr, "[----] %s/%s: exited with %d\n", current->category, current->name,
                WEXITSTATUS(status));
        return CRASHED;
    }
    return PASSED;
}

static enum outcome run_one(void)
{
    static const char *const names[] = {"PASS", "FAIL", "CRASH", "SKIP"};
    double start = now_s();
    atomic_store(&report->failed, 0);
    atomic_store(&report->skipped, false);
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        return CRASHED;
    }
    if (child == 0) {
        main_thread = pthread_self();
        current->test();
        exit(atomic_load(&report->failed) > 0 ? 1 : 0);
    }
    bool timed_out;
    int status = wait_for(child, &timed_out);
    enum outcome outcome = judge(status, timed_out);
    fprintf(stderr, "[%s] %s/%s: (%.2fs)\n", names[outcome], current->category, current->name,
            now_s() - start);
    return outcome;
}

static void find_suite(void)
{
    current_suite = NULL;
    for (struct criterion_suite **s = __start_cr_sts; s < __stop_cr_sts; s++)
        if (*s && strcmp((*s)->name, current->category) == 0) current_suite = *s;
}

static void run_test(unsigned count[4])
{
    if (current->data->disabled || (suite_data() && suite_data()->disabled)) {
        count[SKIPPED]++;
        return;
    }
    if (current->data->kind_ != CR_TEST_PARAMETERIZED) {
        count[run_one()]++;
        return;
    }
    struct criterion_test_params params = current->data->param_();
    for (size_t i = 0; i < params.length; i++) {
        current_param = (char *)params.params + i * params.size;
        count[run_one()]++;
    }
    if (params.cleanup) params.cleanup(&params);
}

int main(int argc, char **argv)
{
    const char *filter = "*";
    unsigned count[4] = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc) filter = argv[i + 1];
        if (strncmp(argv[i], "--filter=", 9) == 0) filter = argv[i] + 9;
    }
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (struct criterion_test **t = __start_cr_tst; t < __stop_cr_tst; t++) {
        char name[256];
        if (!*t) continue;
        current = *t;
        snprintf(name, sizeof name, "%s/%s", current->category, current->name);
        if (fnmatch(filter, name, 0) != 0) continue;
        find_suite();
        run_test(count);
    }
    fprintf(stderr, "[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: %u \n",
            count[PASSED] + count[FAILED] + count[CRASHED], count[PASSED], count[FAILED], count[CRASHED]);
    return count[FAILED] + count[CRASHED] > 0;
}
