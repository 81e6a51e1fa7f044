/*
 * signature.h - what the arguments of system calls are: which are descriptors, and which say how many bytes.
 *
 * Arguments are counted from 1. Numbers are those of the machine that this is compiled for.
 */
#ifndef PF_MODEL_SIGNATURE_H
#define PF_MODEL_SIGNATURE_H

#include <stdbool.h>

struct pf_signature {
    unsigned char fds;   /* bit 0 set: the first argument is a descriptor, and so on */
    unsigned char bytes; /* argument that says how many bytes to transfer; 0: none */
    unsigned char
        vector; /* argument that points to an array of struct iovec, the next one counts it; 0: none */
    unsigned char message; /* argument that points to a struct msghdr; 0: none */
};

/* Of a call that is not known here, all is 0. */
struct pf_signature pf_signature_of(int call);
/* Does the call say how many bytes it is to transfer, so that it can be told to transfer fewer? */
bool pf_signature_transfers(int call);

#endif
