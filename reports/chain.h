/*
 * chain.h - who waits on what, as text.
 *
 * Everybody has a line, and under it a line for each who could end the wait. What a neighbouring line says
 * already is not said twice, and of those of whom the same is to be said, one is told: a hundred idle workers
 * are two lines.
 */
#ifndef PF_REPORTS_CHAIN_H
#define PF_REPORTS_CHAIN_H

#include "model/result.h"
#include "reports/page.h"

/* Who is told of first, and who behind. */
struct pf_chain_parts {
    const struct pf_diagnosis *diagnosis;
    struct pf_chain_member *members;
    size_t count;
    bool has_rest; /* somebody is told of behind */
};

/*
 * As many as fit into so many rows are told of first: those of the circle, then the others in their order;
 * but two at the least. 0 rows: all are.
 */
struct pf_chain_parts pf_chain_part(const struct pf_page *page, int indent,
                                    const struct pf_diagnosis *diagnosis, int rows);
void pf_chain_write(const struct pf_page *page, int indent, const struct pf_chain_parts *parts);
void pf_chain_write_rest(const struct pf_page *page, int indent, const struct pf_chain_parts *parts);

#endif
