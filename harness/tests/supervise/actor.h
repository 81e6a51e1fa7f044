/*
 * actor.h - scenes of the actor that have files of their own.
 */
#ifndef TESTS_SUPERVISE_ACTOR_H
#define TESTS_SUPERVISE_ACTOR_H

/* Kills makers of children in the midst of making them, and waits for every child that was made. */
int kill_makers(void);

#endif
