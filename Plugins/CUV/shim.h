// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <uv.h>

// Swift imports no variadic functions.
static inline int cuv_name_thread(const char *name) {
    return prctl(PR_SET_NAME, (unsigned long) name, 0, 0, 0);
}

// A stopped process goes on when its parent ends, and finds out; to one that runs it means nothing.
static inline int cuv_continue_at_parents_end(void) {
    return prctl(PR_SET_PDEATHSIG, (unsigned long) SIGCONT, 0, 0, 0);
}

static inline int cuv_unread_bytes(int socket) {
    int count = 0;
    return ioctl(socket, FIONREAD, &count) == 0 ? count : 0;
}
