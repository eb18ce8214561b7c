/* The sums themselves, for one weight channel and up to MOST_SUMS groups of it. */
#ifndef SASA_NAS_SUMS_H
#define SASA_NAS_SUMS_H

#include "planes.h"

/* LANES neighbouring pixels of a line, or its last ones: then the first of them were in the block before and are not
   to be kept, or, where the line has fewer pixels than LANES, only `count` are there to be read and written. */
typedef struct {
    int64_t at, seen; /* place of the first pixel in planes, and as windows see it */
    int64_t count;
    Integers keep;
} Block;

/* The block of a line's last pixels; `at` and `seen` are still to be set. */
static Block last_block(int64_t line)
{
    Block block = {0, 0, least(line, LANES), (Integers){0} - 1};
    for (int64_t i = 0; i < LANES - line % LANES && line > LANES; i++)
        block.keep[i] = 0;
    return block;
}

/* Calls `function` for all blocks; its second argument says whether it is one of LANES pixels to be kept. */
#define FOR_BLOCKS(count, function, task, ...)                                                                         \
    do {                                                                                                               \
        int64_t left = (task)->line % LANES, most_pixels = (task)->line - left;                                        \
        Block block = {0, 0, LANES, (Integers){0} - 1}, last = last_block((task)->line);                               \
        for (int64_t y = 0; y < (task)->lines; y++) {                                                                  \
            for (int64_t x = 0; x < most_pixels; x += LANES) {                                                         \
                block.at = y * (task)->line + x, block.seen = y * (task)->pitch + x;                                   \
                function(count, 1, task, &block, __VA_ARGS__);                                                         \
            }                                                                                                          \
            if (left) {                                                                                                \
                int64_t x = most((task)->line - LANES, 0);                                                             \
                last.at = y * (task)->line + x, last.seen = y * (task)->pitch + x;                                     \
                function(count, 0, task, &last, __VA_ARGS__);                                                          \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

/* Reads of a tensor, which may end where the map does. */
INLINE Vector load_of(const float *from, const Block *block, int whole)
{
    Vector vector = {0};
    if (whole || block->count >= LANES)
        return load(from);
    memcpy(&vector, from, block->count * sizeof(float));
    return vector;
}

INLINE void store_of(float *to, Vector vector, const Block *block, int whole)
{
    if (whole || block->count >= LANES)
        store(to, vector);
    else
        memcpy(to, &vector, block->count * sizeof(float));
}

INLINE Vector kept(Vector vector, const Block *block, int whole) { return whole ? vector : where(block->keep, vector); }

/* center[c] += sum_dx weights[dx] * shown[c, dx] for one row of the window. */
INLINE void weigh_block(int count, int whole, const Task *task, const Block *block, const float *weights, int64_t step,
                        const float *shown, float *center)
{
    Vector sums[MOST_SUMS];
    int64_t strips = task->strips, strip = task->strip, plane = task->plane;
    weights += block->at, shown += block->seen, center += block->at;
    UNROLL
    for (int c = 0; c < count; c++)
        sums[c] = load(center + c * plane);
    for (int64_t dx = 0; dx < task->job->kernel_size; dx++, weights += step, shown += strip) {
        Vector weight = load_of(weights, block, whole);
        UNROLL
        for (int c = 0; c < count; c++)
            sums[c] += kept(weight * load(shown + c * strips), block, whole);
    }
    UNROLL
    for (int c = 0; c < count; c++)
        store(center + c * plane, sums[c]);
}

/* center[c, i] = sum_(dy, dx) weights[dy, dx, i] * shown[c, i + (dy, dx)] for `count` groups. Row by row of the
   window, so that a few streams of weights are read at once. */
INLINE void weigh(int count, const Task *task, const float *weights, int64_t step, float *center)
{
    int64_t side = task->job->kernel_size;
    memset(center, 0, count * task->plane * sizeof(float));
    for (int64_t dy = 0; dy < side; dy++)
        FOR_BLOCKS(count, weigh_block, task, weights + dy * side * step, step, task->shifted + dy * task->pitch, center);
}

/* weights[dx] = or, if `more`, += sum_c center[c] * shown[c, dx] for `count` columns of a row of the window. */
INLINE void multiply_block(int count, int whole, const Task *task, const Block *block, float *weights, int64_t step,
                           const float *center, const float *shown, int64_t groups, int more)
{
    Vector sums[MOST_SUMS];
    int64_t strips = task->strips, strip = task->strip, plane = task->plane;
    weights += block->at, center += block->at, shown += block->seen;
    UNROLL
    for (int j = 0; j < count; j++)
        sums[j] = more ? load_of(weights + j * step, block, whole) : (Vector){0};
    for (int64_t c = 0; c < groups; c++, center += plane, shown += strips) {
        Vector factor = load(center);
        UNROLL
        for (int j = 0; j < count; j++) {
            Vector product = factor * load(shown + j * strip);
            sums[j] += more ? kept(product, block, whole) : product;
        }
    }
    UNROLL
    for (int j = 0; j < count; j++)
        store_of(weights + j * step, sums[j], block, whole);
}

INLINE void multiply_columns(int count, const Task *task, float *weights, int64_t step, const float *center,
                             const float *shown, int64_t groups, int more)
{
    FOR_BLOCKS(count, multiply_block, task, weights, step, center, shown, groups, more);
}

/* weights[dy, dx, i] = or += sum_c center[c, i] * shown[c, i + (dy, dx)] for `groups` groups. */
static void multiply(const Task *task, float *weights, int64_t step, const float *center, int64_t groups, int more)
{
    int64_t side = task->job->kernel_size;
    for (int64_t dy = 0; dy < side; dy++)
        for (int64_t dx = 0, count; dx < side; dx += count) {
            count = turn(side - dx);
            float *to = weights + (dy * side + dx) * step;
            const float *from = task->shifted + dx * task->strip + dy * task->pitch;
            WITH_CONSTANT(count, multiply_columns, task, to, step, center, from, groups, more)
        }
}

/* shown[c] += weights * center[c] for one offset and `count` groups. */
INLINE void spread_block(int count, int whole, const Task *task, const Block *block, const float *weights,
                         const float *center, float *shown)
{
    int64_t strips = task->strips, plane = task->plane;
    Vector weight = load_of(weights + block->at, block, whole);
    UNROLL
    for (int c = 0; c < count; c++) {
        float *sum = shown + c * strips + block->seen;
        store(sum, load(sum) + kept(weight * load(center + c * plane + block->at), block, whole));
    }
}

/* shown[c, i + (dy, dx)] += weights[dy, dx, i] * center[c, i] for `count` groups. */
INLINE void spread(int count, const Task *task, const float *weights, int64_t step, const float *center)
{
    int64_t side = task->job->kernel_size;
    for (int64_t dy = 0; dy < side; dy++)
        for (int64_t dx = 0; dx < side; dx++)
            FOR_BLOCKS(count, spread_block, task, weights + (dy * side + dx) * step, center,
                       task->shifted + dx * task->strip + dy * task->pitch);
}

/* weights[dy, dx, i] = center[i] + sign * shown[i + (dy, dx)]. */
static void compare(const Task *task, float *weights, int64_t step, const float *center)
{
    int64_t side = task->job->kernel_size, line = task->line;
    float sign = (float)task->job->sign;
    for (int64_t dy = 0; dy < side; dy++)
        for (int64_t dx = 0; dx < side; dx++)
            for (int64_t y = 0; y < task->lines; y++) {
                float *to = weights + (dy * side + dx) * step + y * line;
                const float *from = task->shifted + dx * task->strip + (dy + y) * task->pitch;
                for (int64_t x = 0; x < line && center; x++)
                    to[x] = center[y * line + x] + sign * from[x];
                for (int64_t x = 0; x < line && !center; x++)
                    to[x] = sign * from[x];
            }
}

/* The gradients of `compare` but for the sign: center[i] += weights[dy, dx, i], shown[i + (dy, dx)] += the same. */
static void collect(const Task *task, const float *weights, int64_t step, float *center)
{
    int64_t side = task->job->kernel_size, line = task->line;
    for (int64_t dy = 0; dy < side; dy++)
        for (int64_t dx = 0; dx < side; dx++)
            for (int64_t y = 0; y < task->lines; y++) {
                const float *from = weights + (dy * side + dx) * step + y * line;
                float *to = task->shifted + dx * task->strip + (dy + y) * task->pitch;
                for (int64_t x = 0; x < line; x++) {
                    to[x] += from[x];
                    center[y * line + x] += from[x];
                }
            }
}

#endif
