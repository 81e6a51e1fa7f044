#include <errno.h>
#include <stdlib.h>

#include "args_internal.h"
#include "error_internal.h"
#include "event_internal.h"

/* What came with a promise and was not asked for yet. Only the worker's first thread adds, before all others
 * exist. */
struct promised {
    const struct mproc_args *args;
    size_t index;
    struct mproc_event *event;
    struct promised *next;
};

static struct promised *all_promised;

int mproc_event_keep_promises(const struct mproc_args *args)
{
    void *object;

    for (size_t i = 0; i < mproc_args_count(args); i++) {
        if (!mproc_args_is_object(args, i, &mproc_event_promise_class))
            continue;
        struct promised *promised = malloc(sizeof(*promised));
        if (!promised)
            return mproc_fail(-ENOMEM, "no memory for a promise");
        int err = mproc_args_get_object(args, i, &mproc_event_promise_class, &object);
        if (err) {
            free(promised);
            return err;
        }
        *promised = (struct promised){args, i, object, all_promised};
        all_promised = promised;
        err = mproc_event_promise(promised->event);
        if (err)
            return err;
    }
    return 0;
}

int mproc_args_add_event(struct mproc_args *args, const struct mproc_event *event)
{
    return mproc_args_add_object(args, &mproc_event_class, event);
}

int mproc_args_add_event_promise(struct mproc_args *args, const struct mproc_event *event)
{
    return mproc_args_add_object(args, &mproc_event_promise_class, event);
}

int mproc_args_get_event(const struct mproc_args *args, size_t index, struct mproc_event **ret_event)
{
    bool is_promised = mproc_args_is_object(args, index, &mproc_event_promise_class);
    void *object;

    for (struct promised **place = &all_promised; *place; place = &(*place)->next) {
        struct promised *promised = *place;
        if (promised->args != args || promised->index != index)
            continue;
        *ret_event = promised->event;
        *place = promised->next;
        free(promised);
        return 0;
    }
    int err = mproc_args_get_object(args, index,
                                    is_promised ? &mproc_event_promise_class : &mproc_event_class, &object);
    if (err)
        return err;
    /* Arguments that came to a process that ran already. */
    err = is_promised ? mproc_event_promise(object) : 0;
    if (err) {
        mproc_event_unref(object);
        return err;
    }
    *ret_event = object;
    return 0;
}
