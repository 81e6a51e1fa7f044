#include "probe/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

static int read_text(struct pf_survey *survey, struct pf_site *site)
{
    char path[64], *text;
    snprintf(path, sizeof(path), "/proc/%d/maps", site->reader);
    int code = pf_proc_read_all(path, survey->arena, &text);
    for (char *line = code ? NULL : text; line && *line;) {
        /* "begin-end rwxs": only a look at the fourth letter of most lines. */
        const char *rights = strchr(line, ' ');
        if (rights && strlen(rights) > 4 && rights[4] == 's')
            parse_line(survey, site, line);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return code;
}

/*
 * Linux 6.11 answers questions about single mappings, which costs a tenth of having all of them printed.
 * This is struct procmap_query of linux/fs.h, which older headers lack.
 */
struct query {
    uint64_t size, flags, address;
    uint64_t begin, end, mapping_flags, page_size, offset, inode;
    uint32_t major, minor, name_size, build_id_size;
    uint64_t name, build_id;
};
#define QUERY _IOWR('f', 17, struct query)
enum { QUERY_SHARED = 0x08, QUERY_NEXT = 0x10, QUERY_FILE = 0x20 };

/* Returns 0, -ENOTTY when the kernel does not know the question, or another -errno. */
static int read_by_query(struct pf_survey *survey, struct pf_site *site)
{
    char path[64], name[4096];
    snprintf(path, sizeof(path), "/proc/%d/maps", site->reader);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    uint64_t address = 0;
    int code = 0;
    for (;;) {
        struct query query = {
            .size = sizeof(query),
            .flags = QUERY_SHARED | QUERY_NEXT | QUERY_FILE,
            .address = address,
            .name_size = sizeof(name),
            .name = (uint64_t)(uintptr_t)name,
        };
        if (ioctl(fd, QUERY, &query)) {
            code = errno == ENOENT ? 0 : -errno; /* no mapping is left */
            break;
        }
        struct pf_mapping *mapping =
            pf_arena_grow(survey->arena, &site->maps, &site->map_count, sizeof(*mapping));
        *mapping = (struct pf_mapping){.begin = query.begin,
                                       .end = query.end,
                                       .offset = query.offset,
                                       .major = query.major,
                                       .minor = query.minor,
                                       .inode = query.inode,
                                       .name = pf_arena_strdup(survey->arena, query.name_size ? name : "")};
        address = query.end;
    }
    close(fd);
    return code;
}

int pf_site_load_maps(struct pf_survey *survey, struct pf_site *site)
{
    site->maps_read = true;
    int code = read_by_query(survey, site);
    if (code && code != -ESRCH) {
        site->map_count = 0;
        code = read_text(survey, site);
    }
    return code;
}

static void read_maps(struct pf_survey *survey, struct pf_site *site)
{
    if (site->maps_read || !site->reader)
        return;
    int code = pf_site_load_maps(survey, site);
    if (code && code != -ESRCH) {
        survey->hidden_hand = "the memory mappings of a process of the tree cannot be read";
        pf_survey_unknown(survey, "the memory mappings of %s cannot be read: %s", site->process->address,
                          strerror(-code));
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

bool pf_site_maps_name(struct pf_survey *survey, struct pf_site *site, const char *name)
{
    read_maps(survey, site);
    for (size_t i = 0; i < site->map_count; i++)
        if (strncmp(site->maps[i].name, name, strlen(name)) == 0)
            return true;
    return false;
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
