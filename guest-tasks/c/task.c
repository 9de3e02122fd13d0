/*
 * A number's largest prime factor: a row of JSON on standard input, its answer on standard output.
 *
 *     wpool run . inputs.jsonl
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t largest_prime_factor(uint64_t n)
{
    for (uint64_t divisor = 2; divisor <= n / divisor;) {
        if (n % divisor == 0)
            n /= divisor;
        else
            divisor++;
    }
    return n;
}

/* strtoull alone would take "-7", "0x1f" and "12 monkeys". */
static bool parse(const char *row, uint64_t *n)
{
    while (isspace((unsigned char)*row))
        row++;
    if (!isdigit((unsigned char)*row))
        return false;
    char *end;
    errno = 0;
    *n = strtoull(row, &end, 10);
    while (isspace((unsigned char)*end))
        end++;
    return errno == 0 && *end == '\0' && *n >= 2;
}

int main(void)
{
    char row[256];
    row[fread(row, 1, sizeof row - 1, stdin)] = '\0';
    uint64_t n;
    if (!feof(stdin) || !parse(row, &n)) {
        fprintf(stderr, "expected an integer from 2 to %" PRIu64 ", got %s\n", UINT64_MAX, row);
        return EXIT_FAILURE;
    }
    printf("%" PRIu64 "\n", largest_prime_factor(n));
    return EXIT_SUCCESS;
}
