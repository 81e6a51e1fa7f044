/* lesson_plan.h - the catalogue as lessons: a list of them, and what to do with a class. */
#ifndef PF_CLI_LESSON_PLAN_H
#define PF_CLI_LESSON_PLAN_H

#include "plan/plan.h"

/* Each with a sentence, in teaching order. */
void pf_lesson_list_print(const struct pf_scenario *const *scenarios, size_t count);

/* As Markdown: what to show, what to ask, what to change in the code and see. */
void pf_lesson_plan_print(const struct pf_scenario *const *scenarios, size_t count);

#endif
