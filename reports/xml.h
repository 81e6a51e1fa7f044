/* xml.h - libxml2's writer on a stdio stream, with text that is always well-formed. */
#ifndef PF_REPORTS_XML_H
#define PF_REPORTS_XML_H

#include <stdio.h>

#include "model/arena.h"

struct pf_xml_library;
struct _xmlTextWriter; /* libxml2's */

struct pf_xml {
    const struct pf_xml_library *library;
    struct _xmlTextWriter *writer;
    struct pf_arena *arena; /* for what is made on the way */
    FILE *file;
    int error; /* -errno of the first write that failed; what follows it is dropped */
};

/* Returns 0, -ENOMEM, or -ELIBACC: there is no libxml2. The writer points at *ret_xml, which must stay where
 * it is until it is closed. */
int pf_xml_open(FILE *file, struct pf_xml *ret_xml);
/* Ends every open element and flushes the stream. Returns 0 or -errno of what could not be written. */
int pf_xml_close(struct pf_xml *xml);

/* What a document begins with: the XML declaration, or HTML's document type. Blanks that are added inside
 * <pre> and between words are content in HTML, so that it is not indented. */
void pf_xml_declare(const struct pf_xml *xml);
void pf_xml_as_html(const struct pf_xml *xml);

void pf_xml_start(const struct pf_xml *xml, const char *element);
/* Ends the innermost element with an end tag of its own, even when it is empty. */
void pf_xml_end(const struct pf_xml *xml);
/* Without an end tag: for HTML's void elements. */
void pf_xml_end_void(const struct pf_xml *xml);
/* Values and text may be any bytes; NULL leaves the attribute out. */
void pf_xml_attribute(const struct pf_xml *xml, const char *name, const char *value);
void pf_xml_count(const struct pf_xml *xml, const char *name, size_t value);
/* With three decimals. */
void pf_xml_decimal(const struct pf_xml *xml, const char *name, double value);
/* Text that is markup already. */
void pf_xml_raw(const struct pf_xml *xml, const char *markup);
void pf_xml_text(const struct pf_xml *xml, const char *text);
/* A whole element with nothing but text. */
void pf_xml_element(const struct pf_xml *xml, const char *element, const char *text);

#endif
