#include "model/path.h"

#include <string.h>

const char *pf_path_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path;
}
