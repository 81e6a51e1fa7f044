#include "probe/maps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "probe/survey.h"

static void parse_line(struct pf_survey *survey, struct pf_site *site, const char *line)
{
    struct pf_mapping mapping = {0};
    char shared;
    int name = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*3c%c %" SCNx64 " %x:%x %" SCNu64 " %n", &mapping.begin,
               &mapping.end, &shared, &mapping.offset, &mapping.major, &mapping.minor, &mapping.inode,
               &name) < 7 ||
        shared != 's')
        return;
    mapping.name = pf_arena_strndup(survey->arena, line + name, strcspn(line + name, "\n"));
    struct pf_mapping *slot = pf_arena_grow(survey->arena, &site->maps, &site->map_count, sizeof(*slot));
    *slot = mapping;
}

static void read_maps(struct pf_survey *survey, struct pf_site *site)
{
    if (site->maps_read)
        return;
    site->maps_read = true;
    if (!site->reader)
        return;
    char path[64], *text;
    snprintf(path, sizeof(path), "/proc/%d/maps", site->reader);
    int code = pf_proc_read_all(path, survey->arena, &text);
    if (code) {
        if (code != -ESRCH) {
            survey->hidden_hand = "the memory mappings of a process of the tree cannot be read";
            pf_survey_unknown(survey, "the memory mappings of %s cannot be read: %s", site->process->address,
                              strerror(-code));
        }
        return;
    }
    for (char *line = text; line && *line;) {
        /* "begin-end rwxs": only a look at the fourth letter of most lines. */
        const char *rights = strchr(line, ' ');
        if (rights && strlen(rights) > 4 && rights[4] == 's')
            parse_line(survey, site, line);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
}

const struct pf_mapping *pf_site_mapping(struct pf_survey *survey, struct pf_site *site, uint64_t address)
{
    read_maps(survey, site);
    for (size_t i = 0; i < site->map_count; i++)
        if (site->maps[i].begin <= address && address < site->maps[i].end)
            return &site->maps[i];
    return NULL;
}

static bool same_object(const struct pf_mapping *a, const struct pf_mapping *b)
{
    /* System V segments and anonymous memory live in one hidden file system, but their inode numbers come
     * from different sources, so the name must agree too. Files may have several names. */
    bool hidden = a->major == 0 && a->minor == 1;
    return a->inode == b->inode && a->major == b->major && a->minor == b->minor &&
           (!hidden || strcmp(a->name, b->name) == 0);
}

uint64_t pf_site_address(struct pf_survey *survey, struct pf_site *site, const struct pf_mapping *mapping,
                         uint64_t offset)
{
    read_maps(survey, site);
    for (size_t i = 0; i < site->map_count; i++) {
        const struct pf_mapping *mine = &site->maps[i];
        if (same_object(mine, mapping) && mine->offset <= offset &&
            offset < mine->offset + (mine->end - mine->begin))
            return mine->begin + (offset - mine->offset);
    }
    return 0;
}
