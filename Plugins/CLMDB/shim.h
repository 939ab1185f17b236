// SPDX-License-Identifier: Apache-2.0
#include <linux/falloc.h>
#include <lmdb.h>
#include <sys/types.h>

// glibc shows it only to those that ask for everything GNU, which Swift's importer does not.
extern int fallocate(int descriptor, int mode, off_t offset, off_t length);

// Allocates space for a file without making it longer; 0, or -1 and errno.
static inline int clmdb_allocate(int descriptor, off_t offset, off_t length) {
    return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, offset, length);
}
