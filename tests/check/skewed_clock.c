/* A wall clock that is wrong: preloaded, it adds SKEW_SECONDS to CLOCK_REALTIME. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec* time) {
    const int code = (int)syscall(SYS_clock_gettime, clock, time);
    const char* skew = getenv("SKEW_SECONDS");
    if (code == 0 && clock == CLOCK_REALTIME && skew != NULL) time->tv_sec += atol(skew);
    return code;
}
