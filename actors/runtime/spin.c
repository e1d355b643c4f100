/* spin.c - see spin.h. */
#include "runtime/spin.h"

#include <uv.h>

enum {
    LOOKS = 16,                     /* between two readings of the clock */
    LARGE_BATCH = 100,              /* messages */
    BATCH_NS = 100,                 /* and how long one of those may take to come */
    BATCH_MAX_NS = 20000,           /* all of them */
    WOKEN_SOON_NS = 2 * DOR_SPIN_NS /* a wake-up is a part of it, on one side or on both */
};

static inline void pause_processor(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t waited_ns(const dor_spin *spin)
{
    return uv_hrtime() - spin->since_ns;
}

static void leave_alone(const dor_spin *spin, unsigned batch)
{
    uint64_t ns = (uint64_t)batch * BATCH_NS;
    if (ns > BATCH_MAX_NS) ns = BATCH_MAX_NS;
    do {
        for (unsigned i = 0; i < LOOKS; i++)
            pause_processor();
    } while (waited_ns(spin) < ns);
}

bool dor__spin(dor_spin *spin, dor_inbox *inbox, dor_inbox *urgent, unsigned taken)
{
    if (!spin->expecting || !spin->allowed) return false;
    if (spin->skipped < spin->skip) {
        spin->skipped++;
        return false;
    }
    spin->skipped = 0;
    if (taken >= LARGE_BATCH) leave_alone(spin, taken);
    do {
        for (unsigned i = 0; i < LOOKS; i++) {
            if (!dor__inbox_is_empty(inbox) || !dor__inbox_is_empty(urgent)) {
                spin->skip /= 2;
                return true;
            }
            pause_processor();
        }
    } while (waited_ns(spin) < DOR_SPIN_NS);
    spin->skip = spin->skip * 2 + 1;
    if (spin->skip > DOR_SPIN_RARELY) spin->skip = DOR_SPIN_RARELY;
    return false;
}

void dor__spin_woken(dor_spin *spin, uint64_t now_ns)
{
    spin->expecting = now_ns - spin->since_ns < WOKEN_SOON_NS;
}
