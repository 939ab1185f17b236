// SPDX-License-Identifier: Apache-2.0
#include <sys/prctl.h>
#include <uv.h>

// Swift imports no variadic function.
static inline int cuv_name_thread(const char *name) {
    return prctl(PR_SET_NAME, (unsigned long) name, 0, 0, 0);
}
