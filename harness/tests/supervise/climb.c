/*
 * climb.c - a function of a library whose every instruction can be told from what it leaves behind.
 *
 * libclimb.so, which stepper is linked with, has it as climb(); libclimb_later.so, which it opens, as
 * climb_later().
 */
#include "climb.h"

#ifndef CLIMB
#define CLIMB "climb"
#endif

#define RUNG " incl (%rdi)\n"

/* Eight rungs, and the return. */
__asm__(".text\n .globl " CLIMB "\n .type " CLIMB ", @function\n" CLIMB
        ":\n" RUNG RUNG RUNG RUNG RUNG RUNG RUNG RUNG " ret\n .size " CLIMB ", . - " CLIMB "\n");
