// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

// The two are macros that pass the version and the size of the stream.
static inline int cz_deflate_init(
    z_stream *stream, int level, int window_bits, int memory_level
) {
    return deflateInit2(
        stream, level, Z_DEFLATED, window_bits, memory_level, Z_DEFAULT_STRATEGY);
}

static inline int cz_inflate_init(z_stream *stream, int window_bits) {
    return inflateInit2(stream, window_bits);
}
