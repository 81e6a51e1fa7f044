#include "reports/xml_library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

/* The name that programs linked with it ask for. */
static const char SONAME[] = "libxml2.so.2";

static bool load(struct pf_xml_library *ret_library)
{
    void *handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return false;
#define LOAD(name)                                                                                           \
    *(void **)&ret_library->name = dlsym(handle, #name);                                                     \
    if (!ret_library->name)                                                                                  \
        return false;
    PF_XML_LIBRARY_FUNCTIONS(LOAD)
#undef LOAD
    return true;
}

const struct pf_xml_library *pf_xml_library(void)
{
    static struct pf_xml_library library;
    static bool tried, loaded;
    if (!tried)
        loaded = load(&library);
    tried = true;
    return loaded ? &library : NULL;
}
