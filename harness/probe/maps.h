/*
 * maps.h - the shared memory mappings of a process.
 */
#ifndef PF_PROBE_MAPS_H
#define PF_PROBE_MAPS_H

#include <stdbool.h>
#include <stdint.h>

struct pf_survey;
struct pf_site;

struct pf_mapping {
    uint64_t begin, end; /* addresses */
    uint64_t offset;     /* of `begin` in the object */
    uint32_t major, minor;
    uint64_t inode;
    const char *name; /* "/dev/shm/sem.x", "/dev/zero (deleted)", "/SYSV00000000 (deleted)" */
};

/* The shared mapping that the address lies in; NULL: the memory is private to the process. Errors: a process
 * whose mappings cannot be read is named in `unknown`, and everything in it counts as private. */
const struct pf_mapping *pf_site_mapping(struct pf_survey *survey, struct pf_site *site, uint64_t address);

/* Whether it has a shared mapping whose name begins so. */
bool pf_site_maps_name(struct pf_survey *survey, struct pf_site *site, const char *name);

/* Reads all shared mappings into the site. Returns 0 or -errno: -ESRCH when the process is gone. */
int pf_site_load_maps(struct pf_survey *survey, struct pf_site *site);

/* The address at which the process has that byte of that object mapped, 0: nowhere. */
uint64_t pf_site_address(struct pf_survey *survey, struct pf_site *site, const struct pf_mapping *mapping,
                         uint64_t offset);

#endif
