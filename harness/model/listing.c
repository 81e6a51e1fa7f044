#include "model/listing.h"

static const struct pf_field mark_fields[] = {
    PF_VALUE(struct pf_mark_line, UINT, line, PF_ALWAYS),
    PF_VALUE(struct pf_mark_line, STRING, note),
};
static const struct pf_record mark_record = PF_RECORD(struct pf_mark_line, mark_fields);

static const struct pf_field listing_fields[] = {
    PF_VALUE(struct pf_listing, STRING, scenario, PF_NEEDED),
    PF_VALUE(struct pf_listing, STRING, variant, PF_NEEDED),
    PF_VALUE(struct pf_listing, STRING, finding),
    PF_VALUE(struct pf_listing, STRING, file, PF_NEEDED),
    PF_VALUE(struct pf_listing, STRING, text, PF_NEEDED),
    PF_VALUE(struct pf_listing, BOOL, cut),
    PF_ARRAY(struct pf_listing, RECORDS, marks, mark_count, .record = &mark_record, PF_ALWAYS),
};
const struct pf_record pf_listing_record = PF_RECORD(struct pf_listing, listing_fields);
