/*
 * log-rotation-loss: something was lost, and while a process with one thread was held, and so could do
 * nothing itself, a file that it has open got another name or lost its own: others put it away, and it goes
 * on writing where nobody looks, or puts away in its turn what they have begun.
 */
#include <string.h>

#include "judge/drawing.h"
#include "judge/held.h"
#include "judge/phrases.h"
#include "judge/rules/rule.h"

static const struct pf_descriptors *find_path(const struct pf_ev_open *look, const char *path)
{
    for (size_t i = 0; i < look->open_count; i++)
        if (look->open[i].kind == PF_OBJECT_FILE && look->open[i].path &&
            strcmp(look->open[i].path, path) == 0)
            return &look->open[i];
    return NULL;
}

/* The first file of one look that the other does not have. */
static const struct pf_descriptors *only_in(const struct pf_ev_open *look, const struct pf_ev_open *other)
{
    for (size_t i = 0; i < look->open_count; i++)
        if (look->open[i].kind == PF_OBJECT_FILE && look->open[i].path &&
            !find_path(other, look->open[i].path))
            return &look->open[i];
    return NULL;
}

/* Somebody who lived while it was held, not one of its parents, and may have done it. */
static const struct pf_life *other_writer(const struct pf_case *c, const struct pf_held *held)
{
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (life != held->life && !pf_address_descends(held->life->process, life->process) &&
            life->fork->seq < held->released->seq && (!life->exit || life->exit->seq > held->held->seq))
            return life;
    }
    return NULL;
}

bool pf_rule_log_rotation_loss(struct pf_case *c, struct pf_match *ret_match)
{
    struct pf_held held;
    if (!pf_case_found(c, PF_FINDING_LOST))
        return false;
    for (size_t at = 0; pf_held_next(c, &at, &held);) {
        if (!held.released || held.life->made_threads)
            continue;
        const struct pf_descriptors *before = only_in(&held.held->open, &held.released->open);
        const struct pf_descriptors *after = only_in(&held.released->open, &held.held->open);
        const struct pf_life *other = before && after ? other_writer(c, &held) : NULL;
        if (!other || before->count != after->count)
            continue;
        pf_draw_node(c, held.life->process, "has it open, and was held");
        pf_draw_node(c, other->process, "was at work meanwhile");
        struct pf_edge *edge = pf_draw_edge(c, held.life->process, other->process, before->path,
                                            "it was put away while somebody else used it");
        pf_draw_evidence(c, edge, held.held->seq);
        pf_draw_evidence(c, edge, held.released->seq);
        ret_match->summary = pf_arena_printf(
            c->scratch,
            "%s had %s open. While it was held there, somebody else renamed or removed that file: what it "
            "has open is now "
            "%s. Several processes write to one file and put it away on their own, so that one writes to "
            "what "
            "another has put away, or replaces it by what that one has just begun; what was in it is lost.",
            pf_case_label(c, held.life->process), before->path, after->path);
        ret_match->fix = "Let one process own the file: all others send it their records, and it alone "
                         "rotates (in Python: "
                         "QueueHandler, and one QueueListener); or leave the rotation to logrotate with a "
                         "signal, upon which "
                         "everybody opens the file again.";
        return true;
    }
    return false;
}
