#include <time.h>

#include <mproc/deadline.h>

uint64_t mproc_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t mproc_deadline_ms(uint64_t ms)
{
    uint64_t now = mproc_clock_ns();

    if (ms > (MPROC_FOREVER - now) / UINT64_C(1000000))
        return MPROC_FOREVER;
    return now + ms * UINT64_C(1000000);
}
