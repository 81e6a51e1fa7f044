#include "model/nearest.h"
#include "plan/cursor.h"

static const struct share {
    const char *name;
    enum pf_share bit;
} shares[] = {
    {"pid", PF_SHARE_PID},
    {"ipc", PF_SHARE_IPC},
    {"shm", PF_SHARE_SHM},
};

enum { SHARE_COUNT = sizeof(shares) / sizeof(shares[0]) };

static int read_share(struct pf_cursor *cursor, unsigned *share)
{
    struct pf_word word = pf_cursor_word(cursor, ",");
    struct pf_nearest nearest = pf_nearest_new(word.start, word.length);
    for (size_t i = 0; i < SHARE_COUNT; i++) {
        if (pf_word_is(word, shares[i].name)) {
            *share |= (unsigned)shares[i].bit;
            return 0;
        }
        pf_nearest_offer(&nearest, shares[i].name);
    }
    return pf_cursor_expected(cursor, word, nearest.best, "pid, ipc or shm");
}

int pf_share_parse(const char *text, unsigned *ret_share, struct pf_error *error)
{
    struct pf_cursor cursor = pf_cursor_new("share", text, NULL, error);
    unsigned share = 0;
    do {
        int result = read_share(&cursor, &share);
        if (result < 0)
            return result;
    } while (pf_cursor_take(&cursor, ','));
    *ret_share = share;
    return 0;
}

const char *pf_share_text(unsigned share, struct pf_arena *arena)
{
    const char *text = "";
    for (size_t i = 0; i < SHARE_COUNT; i++)
        if (share & (unsigned)shares[i].bit)
            text = pf_arena_printf(arena, "%s%s%s", text, *text ? "," : "", shares[i].name);
    return text;
}
