#include "model/nearest.h"

#include <ctype.h>
#include <string.h>

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) between two words of at most PF_NEAREST_LENGTH. */
static size_t distance_between(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][PF_NEAREST_LENGTH + 1];
    size_t *two_above = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        above[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                row[j] = smaller(row[j], two_above[j - 2] + 1);
        }
        size_t *oldest = two_above;
        two_above = above;
        above = row;
        row = oldest;
    }
    return above[b_length];
}

struct pf_nearest pf_nearest_new(const char *word, size_t length)
{
    /* A third of the word may be wrong; a guess further off confuses more than it helps. */
    size_t farthest = length < 3 ? 1 : 1 + length / 3;
    return (struct pf_nearest){.word = word, .length = length, .distance = farthest + 1};
}

void pf_nearest_offer(struct pf_nearest *nearest, const char *name)
{
    size_t length = strlen(name);
    if (length > PF_NEAREST_LENGTH || nearest->length > PF_NEAREST_LENGTH || nearest->length == 0)
        return;
    size_t distance = distance_between(nearest->word, nearest->length, name, length);
    if (distance < nearest->distance && distance < length) {
        nearest->distance = distance;
        nearest->best = name;
    }
}
