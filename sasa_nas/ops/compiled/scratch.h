/* Memory to work in, cut into pieces. */
#ifndef SASA_NAS_SCRATCH_H
#define SASA_NAS_SCRATCH_H

#include "vectors.h"

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t round_up(int64_t floats) { return (floats + LANES - 1) / LANES * LANES; }

/* An odd number of cache lines, so that neighbouring channels do not compete for the same places of the cache. */
static int64_t odd_lines(int64_t floats) { return (round_up(floats) / LANES | 1) * LANES; }

/* `base` is aligned, or NULL where only `used` is of interest. */
typedef struct {
    float *base;
    int64_t used;
} Scratch;

/* The next `floats`, past the first `margin` of them. */
static float *take(Scratch *scratch, int64_t floats, int64_t margin)
{
    float *taken = scratch->base ? scratch->base + scratch->used + margin : NULL;
    scratch->used += round_up(floats);
    return taken;
}

#endif
