#include "cli/shard_option.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int pf_shard_option_set(struct pf_shard *shard, const char *value, struct pf_error *error)
{
    return pf_shard_parse(value, getenv, shard, error);
}

int pf_shard_acknowledge(const struct pf_shard *shard, const char *command)
{
    if (!shard->status_file || !*shard->status_file)
        return PF_GO_ON;
    int fd = open(shard->status_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return pf_complain(command, PF_STATUS_HARNESS, "--shard: %s, where it is to be acknowledged: %s",
                           shard->status_file, strerror(errno));
    close(fd);
    return PF_GO_ON;
}

struct pf_part *pf_shard_part(const struct pf_shard *shard, const char *fingerprint, size_t trials,
                              struct pf_arena *arena)
{
    struct pf_part *part = pf_arena_alloc(arena, sizeof(*part));
    *part = (struct pf_part){.plan = pf_arena_strdup(arena, fingerprint),
                             .trials = trials,
                             .shards = pf_arena_alloc(arena, sizeof(*part->shards)),
                             .shard_count = 1,
                             .of = shard->count};
    part->shards[0] = shard->index;
    return part;
}
