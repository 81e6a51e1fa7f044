#include "reports/xml.h"

#include <errno.h>

#include "reports/plain.h"
#include "reports/reports.h"
#include "reports/xml_library.h"

/* libxml2 is never told of an error: it would print a message of its own. */
static int write_bytes(void *context, const char *bytes, int length)
{
    struct pf_xml *xml = context;
    errno = 0;
    if (!xml->error && fwrite(bytes, 1, (size_t)length, xml->file) != (size_t)length)
        xml->error = errno ? -errno : -EIO;
    return length;
}

static int leave_open(void *context)
{
    (void)context;
    return 0;
}

int pf_xml_open(FILE *file, struct pf_xml *ret_xml)
{
    const struct pf_xml_library *library = pf_xml_library();
    if (!library)
        return -ELIBACC;
    xmlOutputBufferPtr buffer = library->xmlOutputBufferCreateIO(write_bytes, leave_open, ret_xml, NULL);
    if (!buffer)
        return -ENOMEM;
    xmlTextWriterPtr writer = library->xmlNewTextWriter(buffer);
    if (!writer) {
        library->xmlOutputBufferClose(buffer);
        return -ENOMEM;
    }
    library->xmlTextWriterSetIndent(writer, 1);
    library->xmlTextWriterSetIndentString(writer, BAD_CAST "  ");
    *ret_xml = (struct pf_xml){.library = library, .writer = writer, .arena = pf_arena_new(), .file = file};
    return 0;
}

int pf_xml_close(struct pf_xml *xml)
{
    xml->library->xmlTextWriterEndDocument(xml->writer);
    xml->library->xmlFreeTextWriter(xml->writer);
    pf_arena_free(xml->arena);
    int r = pf_report_flush(xml->file);
    return xml->error ? xml->error : r;
}

void pf_xml_declare(const struct pf_xml *xml)
{
    xml->library->xmlTextWriterStartDocument(xml->writer, "1.0", "UTF-8", NULL);
}

void pf_xml_as_html(const struct pf_xml *xml)
{
    xml->library->xmlTextWriterSetIndent(xml->writer, 0);
    pf_xml_raw(xml, "<!DOCTYPE html>\n");
}

void pf_xml_start(const struct pf_xml *xml, const char *element)
{
    xml->library->xmlTextWriterStartElement(xml->writer, BAD_CAST element);
}

void pf_xml_end(const struct pf_xml *xml)
{
    xml->library->xmlTextWriterFullEndElement(xml->writer);
}

void pf_xml_end_void(const struct pf_xml *xml)
{
    xml->library->xmlTextWriterEndElement(xml->writer);
}

void pf_xml_attribute(const struct pf_xml *xml, const char *name, const char *value)
{
    if (value)
        xml->library->xmlTextWriterWriteAttribute(xml->writer, BAD_CAST name,
                                                  BAD_CAST pf_plain_text(xml->arena, value));
}

void pf_xml_count(const struct pf_xml *xml, const char *name, size_t value)
{
    xml->library->xmlTextWriterWriteFormatAttribute(xml->writer, BAD_CAST name, "%zu", value);
}

void pf_xml_decimal(const struct pf_xml *xml, const char *name, double value)
{
    xml->library->xmlTextWriterWriteFormatAttribute(xml->writer, BAD_CAST name, "%.3f", value);
}

void pf_xml_raw(const struct pf_xml *xml, const char *markup)
{
    xml->library->xmlTextWriterWriteRaw(xml->writer, BAD_CAST markup);
}

void pf_xml_text(const struct pf_xml *xml, const char *text)
{
    xml->library->xmlTextWriterWriteString(xml->writer, BAD_CAST pf_plain_text(xml->arena, text));
}

void pf_xml_element(const struct pf_xml *xml, const char *element, const char *text)
{
    pf_xml_start(xml, element);
    pf_xml_text(xml, text);
    pf_xml_end(xml);
}
