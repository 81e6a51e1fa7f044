#include "reports/chain.h"

#include <stdlib.h>
#include <string.h>

#include "reports/likeness.h"
#include "reports/plain.h"
#include "reports/view.h"
#include "reports/where.h"

/* So many who wait alike, each for another one, are a pattern; fewer are told one by one. */
#define PATTERN_LEAST 4
/* So many are told of first, however little room there is. */
#define FIRST_LEAST 2

/* One who is told of, and what is said of it. */
struct pf_chain_member {
    const struct pf_node *node;
    const char *said;    /* equal for two: the same is to be said of them */
    const char *pattern; /* ... whoever they wait for */
    size_t leader;       /* who is told instead, or its own index */
    bool by_pattern;
    bool waits;
    bool later; /* of a leader: it is told of behind */
};

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static const struct pf_node *find(const struct pf_diagnosis *diagnosis, const char *id)
{
    for (size_t i = 0; i < diagnosis->node_count; i++)
        if (same(diagnosis->nodes[i].id, id))
            return &diagnosis->nodes[i];
    return NULL;
}

/* It waits for nobody, and who waits for it has said already what it does. */
static bool is_said_elsewhere(const struct pf_diagnosis *diagnosis, const struct pf_node *node)
{
    bool said = false;
    for (size_t i = 0; i < diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &diagnosis->edges[i];
        if (same(edge->from, node->id))
            return false;
        said |= same(edge->to, node->id) && edge->why && node->state && strstr(edge->why, node->state);
    }
    return said && !node->where;
}

/* Who has no line of its own: "nobody", and those of whom the edges that lead there say all. */
static bool is_told(const struct pf_diagnosis *diagnosis, const struct pf_node *node)
{
    return !same(node->id, "nobody") && !is_said_elsewhere(diagnosis, node);
}

static bool cut_end(struct pf_arena *arena, const char *end, const char **text)
{
    size_t length = strlen(*text), cut = strlen(end);
    if (length < cut || strcmp(*text + length - cut, end) != 0)
        return false;
    *text = pf_arena_strndup(arena, *text, length - cut);
    return true;
}

/* Without what the line of the one it leads to says: "..., but it waits for ...". */
static const char *reason_of(struct pf_arena *arena, const struct pf_diagnosis *diagnosis,
                             const struct pf_edge *edge)
{
    const struct pf_node *to = find(diagnosis, edge->to);
    const char *why = edge->why ? edge->why : "";
    if (!to || !to->state || !is_told(diagnosis, to))
        return why;
    const char *const ends[] = {
        pf_arena_printf(arena, ": it %s", to->state),
        pf_arena_printf(arena, ", but it %s", to->state),
        pf_arena_printf(arena, ", and %s", to->state),
        to->label ? pf_arena_printf(arena, ": %s %s", to->label, to->state) : NULL,
    };
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (ends[i] && cut_end(arena, ends[i], &why))
            break;
    return why;
}

static void describe(struct pf_arena *arena, const struct pf_diagnosis *diagnosis,
                     struct pf_chain_member *member)
{
    const struct pf_node *node = member->node;
    char *texts[2] = {NULL};
    size_t sizes[2];
    FILE *said = open_memstream(&texts[0], &sizes[0]), *pattern = open_memstream(&texts[1], &sizes[1]);
    if (!said || !pattern)
        abort();
    for (int i = 0; i < 2; i++)
        fprintf(i ? pattern : said, "%s|%s", pf_likeness(arena, node->state, node->id),
                node->where ? node->where : "");
    for (size_t i = 0; i < diagnosis->edge_count; i++) {
        const struct pf_edge *edge = &diagnosis->edges[i];
        if (!same(edge->from, node->id))
            continue;
        const char *why = pf_likeness(arena, reason_of(arena, diagnosis, edge), node->id);
        const char *resource = pf_likeness(arena, edge->resource, node->id);
        fprintf(said, "|%s|%s|%s", edge->to ? edge->to : "", resource, why);
        fprintf(pattern, "|%s|%s", resource, pf_likeness(arena, why, edge->to));
        member->waits = true;
    }
    fclose(said);
    fclose(pattern);
    member->said = pf_arena_strdup(arena, texts[0]);
    member->pattern = pf_arena_strdup(arena, texts[1]);
    free(texts[0]);
    free(texts[1]);
}

static void follow(struct pf_chain_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (members[i].leader = 0; !same(members[members[i].leader].said, members[i].said);)
            members[i].leader++;
    for (size_t i = 0; i < count; i++) {
        size_t alike = 0;
        if (members[i].leader != i || !members[i].waits)
            continue;
        for (size_t k = i; k < count; k++)
            alike += members[k].leader == k && same(members[k].pattern, members[i].pattern);
        for (size_t k = i + 1; k < count && alike >= PATTERN_LEAST; k++)
            if (members[k].leader == k && same(members[k].pattern, members[i].pattern)) {
                members[k].leader = i;
                members[k].by_pattern = true;
            }
    }
}

static bool is_in_circle(const struct pf_diagnosis *diagnosis, const char *id)
{
    for (size_t i = 0; i < diagnosis->cycle_count; i++)
        if (same(diagnosis->cycle[i], id))
            return true;
    return false;
}

/* Whose object it is, where it is no more than the one who is named; an address is worth its place. */
static bool is_said_by(const char *why, const char *label, const char *resource)
{
    return label && strncmp(why, label, strlen(label)) == 0 && (!resource || !strstr(resource, " at 0x"));
}

/* "It cannot end", of one whose end the line above is said to wait for. */
static bool is_plain_from(const struct pf_node *node, const char *label, const char *why)
{
    size_t length = strlen(label);
    return node->state && strstr(node->state, label) && strncmp(why, label, length) == 0 &&
           strcmp(why + length, " cannot end") == 0;
}

static void write_edge(const struct pf_page *page, int indent, const struct pf_diagnosis *diagnosis,
                       const struct pf_node *node, const struct pf_edge *edge)
{
    const char **names = NULL;
    size_t count = 0;
    for (const struct pf_edge *at = edge; at < diagnosis->edges + diagnosis->edge_count; at++)
        if (same(at->from, edge->from) && same(at->resource, edge->resource) && same(at->why, edge->why))
            *(const char **)pf_arena_grow(page->arena, &names, &count, sizeof(*names)) =
                pf_view_label(page->arena, diagnosis, at->to);
    const char *why = pf_plain_line(page->arena, reason_of(page->arena, diagnosis, edge));
    const char *resource = pf_plain_line(page->arena, edge->resource);
    const char *to = pf_likeness_names(page->arena, names ? names : (const char *[]){"?"}, names ? count : 1);
    if (is_plain_from(node, to, why))
        return;
    fprintf(page->file, "%*s-> ", indent, "");
    if (is_said_by(why, to, resource))
        pf_page_prose(page, indent + 3, indent + 3, why);
    else
        pf_page_prose(page, indent + 3, indent + 3,
                      pf_arena_printf(page->arena, "%s%s%s%s%s", to, *resource ? ", " : "", resource,
                                      *why ? ": " : "", why));
}

/* An earlier edge of the same one has this one's line. */
static bool is_written(const struct pf_diagnosis *diagnosis, const struct pf_edge *edge)
{
    for (const struct pf_edge *at = diagnosis->edges; at < edge; at++)
        if (same(at->from, edge->from) && same(at->resource, edge->resource) && same(at->why, edge->why))
            return true;
    return false;
}

static void write_member(const struct pf_page *page, int indent, const struct pf_diagnosis *diagnosis,
                         const struct pf_node *node, struct pf_where_told *told)
{
    struct pf_node shown = *node;
    if (node->where)
        shown.where = pf_where_tell(page->arena, node->where, page->directory, told);
    fprintf(page->file, "%*s", indent, "");
    pf_page_prose(page, indent, indent + 2, pf_view_node(page->arena, &shown));
    for (size_t i = 0; i < diagnosis->edge_count; i++)
        if (same(node->id, diagnosis->edges[i].from) && !is_written(diagnosis, &diagnosis->edges[i]))
            write_edge(page, indent + 2, diagnosis, node, &diagnosis->edges[i]);
}

static void write_followers(const struct pf_page *page, int indent, const struct pf_diagnosis *diagnosis,
                            const struct pf_chain_member *members, size_t count, size_t leader,
                            bool by_pattern)
{
    const char **names = NULL;
    size_t name_count = 0;
    for (size_t i = 0; i < count; i++)
        if (i != leader && members[i].leader == leader && members[i].by_pattern == by_pattern)
            *(const char **)pf_arena_grow(page->arena, &names, &name_count, sizeof(*names)) =
                pf_view_label(page->arena, diagnosis, members[i].node->id);
    if (!name_count)
        return;
    fprintf(page->file, "%*s", indent, "");
    pf_page_prose(page, indent, indent + 2,
                  pf_arena_printf(page->arena, "%s: likewise%s",
                                  pf_likeness_names(page->arena, names, name_count),
                                  by_pattern ? ", each with another" : ""));
}

static struct pf_chain_member *members_of(struct pf_arena *arena, const struct pf_diagnosis *diagnosis,
                                          size_t *ret_count)
{
    struct pf_chain_member *members = pf_arena_alloc(arena, (diagnosis->node_count + 1) * sizeof(*members));
    size_t count = 0;
    for (size_t i = 0; i < diagnosis->node_count; i++)
        if (is_told(diagnosis, &diagnosis->nodes[i])) {
            members[count].node = &diagnosis->nodes[i];
            describe(arena, diagnosis, &members[count++]);
        }
    follow(members, count);
    *ret_count = count;
    return members;
}

static void write_part(const struct pf_page *page, int indent, const struct pf_chain_parts *parts, bool later)
{
    struct pf_where_told told = {0};
    for (size_t i = 0; i < parts->count; i++) {
        if (parts->members[i].leader != i || parts->members[i].later != later)
            continue;
        write_member(page, indent, parts->diagnosis, parts->members[i].node, &told);
        write_followers(page, indent, parts->diagnosis, parts->members, parts->count, i, false);
        write_followers(page, indent, parts->diagnosis, parts->members, parts->count, i, true);
    }
}

void pf_chain_write(const struct pf_page *page, int indent, const struct pf_chain_parts *parts)
{
    write_part(page, indent, parts, false);
}

void pf_chain_write_rest(const struct pf_page *page, int indent, const struct pf_chain_parts *parts)
{
    write_part(page, indent, parts, true);
}

/* The chain where it is to stand. */
struct placed {
    const struct pf_chain_parts *parts;
    int indent;
};

static void write_placed(const struct pf_page *page, const void *what)
{
    const struct placed *placed = what;
    pf_chain_write(page, placed->indent, placed->parts);
}

/* Those who are told of, the circle first; each takes a row at the least, so that more than `most` need not
 * be looked at. */
static size_t rank(struct pf_chain_parts *parts, size_t most, struct pf_chain_member **ret_ranked)
{
    size_t count = 0;
    for (int circle = 1; circle >= 0; circle--)
        for (size_t i = 0; i < parts->count; i++) {
            struct pf_chain_member *member = &parts->members[i];
            if (member->leader != i || is_in_circle(parts->diagnosis, member->node->id) != circle)
                continue;
            member->later = count >= most;
            parts->has_rest |= member->later;
            if (!member->later)
                ret_ranked[count++] = member;
        }
    return count;
}

struct pf_chain_parts pf_chain_part(const struct pf_page *page, int indent,
                                    const struct pf_diagnosis *diagnosis, int rows)
{
    struct pf_chain_parts parts = {.diagnosis = diagnosis};
    parts.members = members_of(page->arena, diagnosis, &parts.count);
    if (!rows)
        return parts;
    size_t most = rows > FIRST_LEAST ? (size_t)rows : FIRST_LEAST;
    struct pf_chain_member **ranked = pf_arena_alloc(page->arena, most * sizeof(*ranked));
    size_t first = rank(&parts, most, ranked);
    const struct placed placed = {&parts, indent};
    while (first > FIRST_LEAST && pf_page_rows(page, write_placed, &placed) > rows) {
        ranked[--first]->later = true;
        parts.has_rest = true;
    }
    return parts;
}
