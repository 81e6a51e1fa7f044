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

void pf_chain_write(const struct pf_page *page, int indent, const struct pf_diagnosis *diagnosis);

#endif
