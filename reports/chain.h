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

/* Where many are to be told of, the first part has the circle and who comes first, for the first screen. */
enum pf_chain_part { PF_CHAIN_ALL, PF_CHAIN_FIRST, PF_CHAIN_REST };

void pf_chain_write(const struct pf_page *page, int indent, const struct pf_diagnosis *diagnosis,
                    enum pf_chain_part part);
bool pf_chain_has_rest(const struct pf_page *page, const struct pf_diagnosis *diagnosis);

#endif
