/* Socket activation: what the environment may say, every way in which it can be wrong, and the descriptors themselves. */
#include "listen_fds.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWN = 4711, CAP = 8 };

static dor_listen_fd got[CAP];
static size_t got_count;
static char said[256];

static int parse(const char *pid, const char *fds, const char *names)
{
    dor_listen_variables v = {pid, fds, names};
    said[0] = '\0';
    got_count = 99;
    memset(got, 0, sizeof got);
    return dor__listen_fds_parse(&v, OWN, got, CAP, &got_count, said, sizeof said).code;
}

static void gives(size_t count, const char *pid, const char *fds, const char *names)
{
    int code = parse(pid, fds, names);
    cr_expect_eq(code, DOR_OK, "%s: %s", fds, said);
    cr_expect_eq(got_count, count, "%zu", got_count);
    cr_expect_str_empty(said);
}

static void fails(int code, const char *sentence, const char *pid, const char *fds, const char *names)
{
    int answer = parse(pid, fds, names);
    cr_expect_eq(answer, code, "%s, %s, %s: %d", pid, fds, names, answer);
    cr_expect(strstr(said, sentence), "%s, %s, %s: said %s", pid, fds, names, said);
    cr_expect_eq(got_count, 0);
}

Test(listen_fds, nobody_has_said_anything)
{
    gives(0, NULL, NULL, NULL);
    gives(0, NULL, "1", "a"); /* to whom? */
    gives(0, "4711", NULL, "a");
    gives(0, "1", "2", "a:b"); /* to somebody else, */
    gives(0, "1", "x", "a");   /* whose affair the rest is, too */
}

Test(listen_fds, names)
{
    gives(1, "4711", "1", NULL);
    cr_expect_eq(got[0].fd, 3);
    cr_expect_str_eq(got[0].name, "unknown");
    gives(3, "4711", "3", "https::stdin of it");
    for (int i = 0; i < 3; i++)
        cr_expect_eq(got[i].fd, 3 + i);
    cr_expect_str_eq(got[0].name, "https");
    cr_expect_str_eq(got[1].name, "");
    cr_expect_str_eq(got[2].name, "stdin of it");
    gives(1, "4711", "1", "");
    cr_expect_str_eq(got[0].name, "");
    gives(CAP, "4711", "8", "a:b:c:d:e:f:g:h");
    cr_expect_eq(got[CAP - 1].fd, 3 + CAP - 1);
    cr_expect_str_eq(got[CAP - 1].name, "h");
    gives(2, "0004711", "02", "a:b");
}

Test(listen_fds, malformed)
{
    static const char *const numbers[] = {"",    "0",          "00",         "-1",
                                          "+1",  " 1",         "1 ",         "1x",
                                          "0x1", "2147483648", "4294967297", "18446744073709551617",
                                          "1.0", "1\n"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        fails(DOR_E_BADARG, "LISTEN_PID", numbers[i], "1", NULL);
        fails(DOR_E_BADARG, "LISTEN_FDS", "4711", numbers[i], NULL);
    }
    fails(DOR_E_BADARG, "LISTEN_FDS", "4711", "2147483645", NULL); /* the last of them would have no number */
    fails(DOR_E_TOO_BIG, "2147483644 descriptors, and room for 8", "4711", "2147483644", NULL);
    fails(DOR_E_TOO_BIG, "9 descriptors", "4711", "9", NULL);
    fails(DOR_E_BADARG, "fewer names than the 2", "4711", "2", "a");
    fails(DOR_E_BADARG, "fewer names", "4711", "2", "");
    fails(DOR_E_BADARG, "more names than the 1", "4711", "1", "a:");
    fails(DOR_E_BADARG, "more names", "4711", "2", "a:b:c");
    fails(DOR_E_BADARG, "name number 2", "4711", "2", "a:\x1b[2J");
    fails(DOR_E_BADARG, "name number 1", "4711", "2", "\x7f:a");
    fails(DOR_E_BADARG, "name number 1", "4711", "1", "\xc3\xa9");
}

Test(listen_fds, a_name_is_bounded)
{
    char names[2 * DOR_LISTEN_FD_NAME_CAP];
    memset(names, 'n', sizeof names);
    names[DOR_LISTEN_FD_NAME_CAP - 1] = '\0';
    gives(1, "4711", "1", names);
    cr_expect_str_eq(got[0].name, names);
    names[DOR_LISTEN_FD_NAME_CAP - 1] = 'n';
    names[DOR_LISTEN_FD_NAME_CAP] = '\0';
    fails(DOR_E_BADARG, "longer than 255 bytes", "4711", "1", names);
}

/* Whatever a byte is turned into: an answer, and nothing outside the bounds (run under ASan). */
Test(listen_fds, every_bit_flipped)
{
    const char good[] = "https:control";
    int refused = 0, taken = 0;
    for (size_t bit = 0; bit < 8 * (sizeof good - 1); bit++) {
        char *names = strdup(good);
        names[bit / 8] = (char)(names[bit / 8] ^ (1 << bit % 8));
        if (parse("4711", "2", names) == DOR_OK)
            taken++;
        else
            refused++;
        free(names);
    }
    cr_expect_gt(taken, 20);
    cr_expect_geq(refused, 12 + 8); /* the highest bit of each letter, and every bit of the colon */
}

/* ---- the environment and the descriptors: in processes of their own, as 3 and 4 belong to the test's runner --------- */

static void setup_environment(const char *fds, const char *names)
{
    char pid[32];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", fds, 1);
    setenv("LISTEN_FDNAMES", names, 1);
    setenv("LISTEN_PIDFDID", "1", 1);
}

static bool environment_is_set(void)
{
    return getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES") ||
           getenv("LISTEN_PIDFDID");
}

static bool closes_on_exec(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC);
}

#define MUST(condition)                                                                                      \
    if (!(condition)) _exit(__LINE__ & 0x7f ? __LINE__ & 0x7f : 1)

static void run_apart(void (*body)(void))
{
    int status;
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        body();
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x: a MUST at that line, modulo 128",
              (unsigned)status >> 8);
}

static void take_two(void)
{
    dor_listen_fd fds[2];
    size_t count = 0;
    char error[100] = "before";
    int null = open("/dev/null", O_RDONLY);
    MUST(dup2(null, 3) == 3 && dup2(null, 4) == 4 && dup2(null, 5) == 5);
    setup_environment("2", "a:b");
    MUST(dor_listen_fds(0, fds, 2, &count, error, sizeof error) == DOR_OK);
    MUST(count == 2 && fds[1].fd == 4 && strcmp(fds[1].name, "b") == 0 && !*error);
    MUST(closes_on_exec(3) && closes_on_exec(4) && !closes_on_exec(5));
    MUST(environment_is_set());
    MUST(dor_listen_fds(1, fds, 2, &count, NULL, 0) == DOR_OK && count == 2);
    MUST(!environment_is_set());
    MUST(dor_listen_fds(1, fds, 2, &count, NULL, 0) == DOR_OK && count == 0);
}

static void take_what_is_not_there(void)
{
    dor_listen_fd fds[4];
    size_t count = 77;
    char error[100];
    int null = open("/dev/null", O_RDONLY);
    MUST(dup2(null, 3) == 3 && dup2(null, 4) == 4);
    close(5);
    setup_environment("3", "a:b:c");
    MUST(dor_listen_fds(0, fds, 4, &count, error, sizeof error) == DOR_E_BADARG);
    MUST(strstr(error, "5 is not open") && count == 77);
    MUST(!closes_on_exec(3) && !closes_on_exec(4)); /* none was touched */
    MUST(dor_listen_fds(0, fds, 2, &count, error, sizeof error) == DOR_E_TOO_BIG && count == 77);
    MUST(dor_listen_fds(0, fds, 2, &count, error, 5) == DOR_E_TOO_BIG && strcmp(error, "LIST") == 0);
    setenv("LISTEN_FDS", "many", 1);
    MUST(dor_listen_fds(1, fds, 4, &count, NULL, 0) == DOR_E_BADARG && count == 77);
    MUST(!environment_is_set()); /* whatever the answer */
}

Test(listen_fds, of_the_environment)
{
    run_apart(take_two);
    run_apart(take_what_is_not_there);
}

Test(listen_fds, bad_use)
{
    dor_listen_fd fds[1];
    size_t count;
    char error[8];
    cr_expect_eq(dor_listen_fds(0, NULL, 1, &count, error, sizeof error), DOR_E_BADARG);
    cr_expect_eq(dor_listen_fds(0, fds, 1, NULL, error, sizeof error), DOR_E_BADARG);
    cr_expect_eq(dor_listen_fds(0, fds, 1, &count, NULL, 8), DOR_E_BADARG);
}
