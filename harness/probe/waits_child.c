/* Waits for a child: which processes of the tree could end them. */
#include <string.h>
#include <sys/wait.h>

#include "probe/calls.h"
#include "probe/objects.h"

static void add_child(struct pf_blocked *blocked, const struct pf_site *child)
{
    pf_wait_add_target(blocked, NULL, -1)->process = child->process->address;
}

/* Every child of the caller, or those of one process group. */
static void add_children(struct pf_blocked *blocked, pid_t group)
{
    struct pf_survey *survey = blocked->survey;
    for (size_t i = 0; i < survey->request->process_count; i++) {
        const struct pf_site *child = &survey->sites[i];
        if (child->parent && strcmp(child->parent, blocked->site->process->address) == 0 &&
            (group == 0 || child->stat.group == group))
            add_child(blocked, child);
    }
    /* A child may be born by another thread, and may change its group. */
    blocked->wait->children = true;
}

static void add_one(struct pf_blocked *blocked, pid_t tree_pid)
{
    const struct pf_site *child = pf_survey_site_in_tree(blocked->survey, tree_pid);
    if (child)
        add_child(blocked, child);
    else
        pf_wait_set_unknown(blocked, "waits for process %d, which is not of the tree", tree_pid);
}

/* The tree's number of a process group is known only when its leader is of the tree. */
static void add_group(struct pf_blocked *blocked, pid_t tree_group)
{
    const struct pf_site *leader = pf_survey_site_in_tree(blocked->survey, tree_group);
    if (leader)
        add_children(blocked, leader->process->pid);
    else
        add_children(blocked, 0); /* too many rather than too few */
}

static void wait_for(struct pf_blocked *blocked, int id)
{
    if (id > 0)
        add_one(blocked, id);
    else if (id == -1)
        add_children(blocked, 0);
    else if (id == 0)
        add_children(blocked, blocked->site->stat.group);
    else
        add_group(blocked, -id);
}

void pf_decode_wait4(struct pf_blocked *blocked)
{
    wait_for(blocked, (int)blocked->call->args[0]);
}

static void wait_for_pidfd(struct pf_blocked *blocked, int number)
{
    struct pf_fd *fd = pf_site_fd(blocked->survey, blocked->site, number);
    const struct pf_object *object = fd ? pf_object_of_fd(blocked->survey, blocked->site, fd) : NULL;
    if (object && object->pid_of)
        add_child(blocked, pf_survey_site_at(blocked->survey, object->pid_of));
    else
        pf_wait_set_unknown(blocked, "waits for the process of descriptor %d, which is not of the tree",
                            number);
}

void pf_decode_waitid(struct pf_blocked *blocked)
{
    int type = (int)blocked->call->args[0], id = (int)blocked->call->args[1];
    switch (type) {
    case P_ALL:
        wait_for(blocked, -1);
        break;
    case P_PID:
        wait_for(blocked, id);
        break;
    case P_PGID:
        wait_for(blocked, id ? -id : 0);
        break;
    case P_PIDFD:
        wait_for_pidfd(blocked, id);
        break;
    default:
        pf_wait_set_unknown(blocked, "waits for children of type %d", type);
    }
}

void pf_decode_vfork(struct pf_blocked *blocked)
{
    if (blocked->thread->vfork_parent && blocked->thread->vfork_child)
        pf_wait_add_target(blocked, NULL, -1)->process = blocked->thread->vfork_child;
    else
        pf_wait_set_unknown(blocked, "starting a process");
}
