#include "thread_internal.h"
void mproc_thread_forget(void)
{
}
