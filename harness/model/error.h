/* error.h - one clear message for a person, carried beside a negative errno. */
#ifndef PF_MODEL_ERROR_H
#define PF_MODEL_ERROR_H

/* What went wrong, where, and what to do about it: one line without a final newline. */
struct pf_error {
    char message[1024];
};

/* Writes the message (when error is not NULL) and returns code, so that a caller can `return
 * pf_error_set(…)`. */
int pf_error_set(struct pf_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
