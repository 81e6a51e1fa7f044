#include "shutdown_internal.h"
void mproc_shutdown_forget(void)
{
}
