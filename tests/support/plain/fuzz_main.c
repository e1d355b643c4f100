/* main() for the fuzz targets where there is no libFuzzer: runs the saved inputs of a directory, then mutations of them.
 *
 *   fuzz_x DIRECTORY|FILE...      DORMOUSE_FUZZ_RUNS sets the number of mutations (default 2000)
 *
 * Always the same mutations in the same order (a fixed seed), so a failure can be repeated. The input at hand is
 * written to the standard error output, in hex, when the target crashes.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX_LEN = 1 << 17, MAX_SEEDS = 4096, DEFAULT_RUNS = 2000 };

typedef struct seed {
    uint8_t *data;
    size_t len;
} seed;

static seed seeds[MAX_SEEDS];
static size_t seed_count;
static const uint8_t *volatile running;
static volatile size_t running_len;
static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t next_random(void) /* xorshift64* */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1du;
}

static size_t below(size_t bound)
{
    return bound ? (size_t)(next_random() % bound) : 0;
}

/* There when a sanitizer is linked: it then has the signals, and calls back before it ends the program. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void tell_input(void)
{
    static const char digits[] = "0123456789abcdef";
    static const char head[] = "crashed on the input ";
    bool told = write(2, head, sizeof head - 1) > 0;
    for (size_t i = 0; told && i < running_len; i++) {
        char two[2] = {digits[running[i] >> 4], digits[running[i] & 15]};
        told = write(2, two, 2) == 2;
    }
    if (told) told = write(2, "\n", 1) == 1;
}

static void on_crash(int number)
{
    tell_input();
    signal(number, SIG_DFL);
    raise(number);
}

static void watch(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(tell_input);
        return;
    }
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        signal(crashes[i], on_crash);
}

static void run(const uint8_t *data, size_t len)
{
    uint8_t *exact =
        malloc(len ? len : 1); /* of just this size, so that a sanitizer sees one byte too many */
    if (!exact) abort();
    memcpy(exact, data, len);
    running = exact;
    running_len = len;
    LLVMFuzzerTestOneInput(exact, len);
    running_len = 0;
    free(exact);
}

static void load_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || seed_count == MAX_SEEDS) {
        perror(path);
        exit(2);
    }
    uint8_t *data = malloc(INPUT_MAX_LEN);
    if (!data) abort();
    size_t len = fread(data, 1, INPUT_MAX_LEN, file);
    fclose(file);
    seeds[seed_count++] = (seed){data, len};
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load(const char *path)
{
    struct stat info;
    struct dirent **entries;
    if (stat(path, &info) != 0) return; /* no inputs saved yet */
    if (!S_ISDIR(info.st_mode)) {
        load_file(path);
        return;
    }
    int count = scandir(path, &entries, NULL, by_name);
    for (int i = 0; i < count; i++) {
        char full[4096];
        snprintf(full, sizeof full, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') load_file(full);
        free(entries[i]);
    }
    free(entries);
}

/* One small change: a bit, a byte, a telling value, a piece removed, a piece doubled, or the end cut off. */
static size_t mutate(uint8_t *data, size_t len)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x16, 0x17, 0x30};
    size_t at = below(len), piece = 1 + below(16);
    if (len == 0) {
        data[0] = (uint8_t)next_random();
        return 1;
    }
    if (piece > len - at) piece = len - at;
    switch (below(6)) {
    case 0: data[at] ^= (uint8_t)(1u << below(8)); return len;
    case 1: data[at] = (uint8_t)next_random(); return len;
    case 2: data[at] = telling[below(sizeof telling)]; return len;
    case 3: memmove(data + at, data + at + piece, len - at - piece); return len - piece;
    case 4:
        if (len + piece > INPUT_MAX_LEN) return len;
        memmove(data + at + piece, data + at, len - at);
        return len + piece;
    default: return at;
    }
}

int main(int argc, char **argv)
{
    static uint8_t buffer[INPUT_MAX_LEN];
    const char *setting = getenv("DORMOUSE_FUZZ_RUNS");
    long runs = setting ? strtol(setting, NULL, 10) : DEFAULT_RUNS;
    watch();
    for (int i = 1; i < argc; i++)
        load(argv[i]);
    for (size_t i = 0; i < seed_count; i++)
        run(seeds[i].data, seeds[i].len);
    run(buffer, 0);
    for (long i = 0; i < runs; i++) {
        size_t len = 0;
        if (seed_count) {
            const seed *from = &seeds[below(seed_count)];
            memcpy(buffer, from->data, from->len);
            len = from->len;
        }
        for (size_t changes = 1 + below(8); changes > 0; changes--)
            len = mutate(buffer, len);
        run(buffer, len);
    }
    printf("%zu saved inputs, %ld mutations\n", seed_count, runs);
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].data);
    return 0;
}
