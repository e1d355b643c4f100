/*
 * simulate.c - a program with a race in it, and the seed that shows it.
 *
 * Two tellers pay into one account: each asks for the balance, and then says what it is to be. If one asks between the
 * other's question and its answer, a payment is lost. On real threads that is a matter of luck; here a seed that
 * shows it is found at once, and shows it again whenever it is wanted.
 *
 *     simulate          looks for a seed, and then tries the corrected program with ten thousand
 *     simulate SEED     replays one
 */
#include <dormouse.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAY_IN = DOR_MSG_USER, ASK, BALANCE, SET, ADD };
enum { PAYMENT = 10, TELLERS = 2, SEEDS = 10000 };

typedef struct note {
    dor_pid from;
    int amount;
} note;

typedef struct bank {
    dor_pid account;
    int balance;   /* the account's */
    int corrected; /* the tellers' */
} bank;

static void tell(dor_pid who, uint32_t what, int amount)
{
    dor_message *m = dor_message_new(what, sizeof(note), NULL);
    if (!m) exit(1);
    *(note *)dor_message_payload(m) = (note){dor_self(), amount};
    dor_send(who, m);
}

static void account(void *state, dor_message *message)
{
    bank *b = state;
    note *n = dor_message_payload(message);
    if (message->type == ASK)
        tell(n->from, BALANCE, b->balance);
    else
        b->balance = message->type == SET ? n->amount : b->balance + n->amount;
    dor_message_free(message);
}

static void teller(void *state, dor_message *message)
{
    bank *b = state;
    note *n = dor_message_payload(message);
    if (message->type == BALANCE)
        tell(b->account, SET, n->amount + PAYMENT);
    else if (b->corrected)
        tell(b->account, ADD, PAYMENT); /* who has the balance is the one to change it */
    else
        tell(b->account, ASK, 0);
    dor_message_free(message);
}

/* The balance after one run of the program. *digest tells two ways that it can go apart. */
static int balance_with(uint64_t seed, int corrected, uint64_t *digest)
{
    bank b = {.corrected = corrected};
    dor_pid tellers[TELLERS];
    dor_runtime *runtime;
    dor_simulation_options options = {.schedulers = 1 + TELLERS, .seed = seed};
    dor_actor_spec one = {.receive = account, .state = &b, .scheduler = DOR_ON(0)};
    if (dor_simulation_new(&runtime, &options) || dor_spawn(runtime, &one, &b.account)) exit(1);
    for (int i = 0; i < TELLERS; i++) {
        dor_actor_spec spec = {.receive = teller, .state = &b, .scheduler = DOR_ON(1 + i)};
        if (dor_spawn(runtime, &spec, &tellers[i])) exit(1);
        tell(tellers[i], PAY_IN, 0);
    }
    if (dor_simulation_run(runtime, 10000, NULL)) exit(1); /* until nothing is left to do */
    *digest = dor_simulation_digest(runtime);
    dor_runtime_stop(runtime, 1000);
    return b.balance;
}

int main(int argc, char **argv)
{
    const int right = TELLERS * PAYMENT;
    uint64_t digest, again, seed = 0;
    if (argc > 1) {
        int balance = balance_with(strtoull(argv[1], NULL, 0), 0, &digest);
        printf("balance %d\n", balance);
        return balance != right;
    }
    while (seed < SEEDS && balance_with(seed, 0, &digest) == right)
        seed++;
    printf("seed %llu: a payment is lost\n", (unsigned long long)seed);
    int balance = balance_with(seed, 0, &again);
    printf("once more: balance %d, and the digests are %s\n", balance,
           digest == again ? "equal" : "different");
    for (seed = 0; seed < SEEDS; seed++)
        if (balance_with(seed, 1, &digest) != right) return 1;
    printf("corrected: right with %llu seeds\n", (unsigned long long)seed);
    return 0;
}
