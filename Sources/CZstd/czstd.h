// The parts of libzstd the weight store uses: one-shot frames with reused contexts, and dictionaries.
#include <zstd.h>
#include <zstd_errors.h>
