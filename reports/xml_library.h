/*
 * xml_library.h - libxml2, loaded when the first report asks for it.
 *
 * It brings ICU and the C++ library along, which together take as long to link as all the rest of a start of
 * pitfall: a millisecond that every run, and every fork of a sweep's workers, would pay for a writer that few
 * need.
 */
#ifndef PF_REPORTS_XML_LIBRARY_H
#define PF_REPORTS_XML_LIBRARY_H

#include <libxml/xmlwriter.h>

#define PF_XML_LIBRARY_FUNCTIONS(each)                                                                       \
    each(xmlFreeTextWriter) each(xmlNewTextWriter) each(xmlOutputBufferClose) each(xmlOutputBufferCreateIO)  \
        each(xmlTextWriterEndDocument) each(xmlTextWriterEndElement) each(xmlTextWriterFullEndElement)       \
            each(xmlTextWriterSetIndent) each(xmlTextWriterSetIndentString) each(xmlTextWriterStartDocument) \
                each(xmlTextWriterStartElement) each(xmlTextWriterWriteAttribute)                            \
                    each(xmlTextWriterWriteFormatAttribute) each(xmlTextWriterWriteRaw)                      \
                        each(xmlTextWriterWriteString)

/* Its functions, by their own names. */
struct pf_xml_library {
#define PF_XML_LIBRARY_FIELD(name) __typeof__(name) *name; // NOLINT(bugprone-macro-parentheses)
    PF_XML_LIBRARY_FUNCTIONS(PF_XML_LIBRARY_FIELD)
#undef PF_XML_LIBRARY_FIELD
};

/* NULL: it is not installed, or lacks one of them. Not for two threads at once the first time. */
const struct pf_xml_library *pf_xml_library(void);

#endif
