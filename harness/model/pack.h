/*
 * pack.h - records as bytes, for two processes of one program, and for copies.
 *
 * The same tables as for JSON say what belongs to a record; what is not in the table is not packed, and is
 * zero when it is unpacked. The bytes mean something to this very build only, and nothing to a file.
 */
#ifndef PF_MODEL_PACK_H
#define PF_MODEL_PACK_H

#include "model/record.h"

/* Bytes that grow; at first {0}. The owner frees `bytes`. */
struct pf_packed {
    unsigned char *bytes;
    size_t size, room;
};

/* Adds a record to the bytes. */
void pf_pack(const struct pf_record *record, const void *value, struct pf_packed *packed);

/*
 * Takes the next record off bytes; *at moves on behind it. Strings of the value lie in the bytes, which must
 * live as long; arrays and records within come from the arena. Returns 0, or -EBADMSG when the bytes end too
 * early or are no such record.
 */
int pf_unpack(const struct pf_record *record, const unsigned char **at, const unsigned char *end,
              struct pf_arena *arena, void *ret_value);

/* A copy with all that belongs to it, in the arena. */
void pf_record_copy(const struct pf_record *record, const void *value, struct pf_arena *arena,
                    void *ret_copy);

#endif
