/* The two sums that all window operators are made of, for LANES neighbouring pixels at a time.

   A map of one head lies in memory channel by channel, a channel row by row, without gaps between rows: a plane.
   The pixel at offset (dy, dx) from the pixel at place i is then at place i + dy * pitch + dx. Where that leaves
   the row at its end it falls on a pixel of another row; whoever calls sees to it that such pixels weigh nothing.
   Before and after the pixels every plane has a margin, so that no offset leaves it. */
#ifndef SASA_NAS_WINDOWS_H
#define SASA_NAS_WINDOWS_H

#include "vectors.h"

#define UNROLL _Pragma("GCC unroll 8")
#define MOST_SUMS 8 /* what fits in 16 registers beside the factors, and hides the latency of a sum */

/* How places of a plane relate: `pitch` from row to row, `plane` from channel to channel, in floats.
   Rows and columns are those of the window; its centre is at (row_radius, col_radius). */
typedef struct {
    int64_t pitch, plane;
    int64_t rows, cols, row_radius, col_radius;
} Window;

INLINE void window_dots_of(int count, const float *center, const float *shown, int64_t plane, int64_t channels,
                           Vector *dots)
{
    Vector sums[MOST_SUMS] = {{0}};
    for (int64_t c = 0; c < channels; c++, center += plane, shown += plane) {
        Vector factor = load(center);
        UNROLL
        for (int j = 0; j < count; j++)
            sums[j] += factor * load(shown + j);
    }
    UNROLL
    for (int j = 0; j < count; j++)
        dots[j] = sums[j];
}

INLINE void table_dots_of(int count, const float *center, const float *table, int64_t plane, int64_t length,
                          int64_t channels, Vector *dots)
{
    Vector sums[MOST_SUMS] = {{0}};
    for (int64_t c = 0; c < channels; c++, center += plane, table += length) {
        Vector factor = load(center);
        UNROLL
        for (int j = 0; j < count; j++)
            sums[j] += factor * table[j];
    }
    UNROLL
    for (int j = 0; j < count; j++)
        dots[j] = sums[j];
}

/* Calls `function` with a constant between 1 and MOST_SUMS for its first argument. */
#define WITH_CONSTANT(count, function, ...)                                                                            \
    switch (count) {                                                                                                   \
    case 1: function(1, __VA_ARGS__); break;                                                                           \
    case 2: function(2, __VA_ARGS__); break;                                                                           \
    case 3: function(3, __VA_ARGS__); break;                                                                           \
    case 4: function(4, __VA_ARGS__); break;                                                                           \
    case 5: function(5, __VA_ARGS__); break;                                                                           \
    case 6: function(6, __VA_ARGS__); break;                                                                           \
    case 7: function(7, __VA_ARGS__); break;                                                                           \
    default: function(8, __VA_ARGS__);                                                                                 \
    }

/* How many of `left` sums to do at once, so that all turns are about equally long. */
INLINE int turn(int64_t left)
{
    int64_t turns = (left + MOST_SUMS - 1) / MOST_SUMS;
    return (int)((left + turns - 1) / turns);
}

/* dots[r, s] = sum_c center[c, i] * shown[c, i + offset(r, s)] for the window's rows from `first` up to `last`. */
static void window_dots(const Window *window, int64_t first, int64_t last, const float *center, const float *shown,
                        int64_t channels, Vector *dots)
{
    for (int64_t row = first; row < last; row++) {
        const float *from = shown + (row - window->row_radius) * window->pitch - window->col_radius;
        Vector *to = dots + row * window->cols;
        for (int64_t col = 0, count; col < window->cols; col += count) {
            count = turn(window->cols - col);
            WITH_CONSTANT(count, window_dots_of, center, from + col, window->plane, channels, to + col)
        }
    }
}

/* dots[j] = sum_c center[c, i] * table[c, j] for a table of `length` columns. */
static void table_dots(const Window *window, const float *center, const float *table, int64_t length, int64_t channels,
                       Vector *dots)
{
    for (int64_t col = 0, count; col < length; col += count) {
        count = turn(length - col);
        WITH_CONSTANT(count, table_dots_of, center, table + col, window->plane, length, channels, dots + col)
    }
}

INLINE void window_sums_of(int count, const Window *window, int64_t first, int64_t last, const float *weights,
                           int64_t weight_step, int direction, const float *shown, float *to)
{
    Vector sums[MOST_SUMS];
    UNROLL
    for (int j = 0; j < count; j++)
        sums[j] = load(to + j * window->plane);
    for (int64_t row = first; row < last; row++) {
        const float *from = shown + direction * ((row - window->row_radius) * window->pitch - window->col_radius);
        const float *weight_at = weights + row * window->cols * weight_step;
        for (int64_t col = 0; col < window->cols; col++, from += direction, weight_at += weight_step) {
            Vector weight = load(weight_at);
            UNROLL
            for (int j = 0; j < count; j++)
                sums[j] += weight * load(from + j * window->plane);
        }
    }
    UNROLL
    for (int j = 0; j < count; j++)
        store(to + j * window->plane, sums[j]);
}

/* sums[c, i] += sum_(r, s) weights[r, s, i] * shown[c, i + direction * offset(r, s)], rows from `first` up to `last`.

   `direction` is 1, or -1 for the pixels in whose windows pixel i is. Weights of one offset are `weight_step` floats
   from those of the next. */
static void window_sums(const Window *window, int64_t first, int64_t last, const float *weights, int64_t weight_step,
                        int direction, const float *shown, int64_t channels, float *sums)
{
    for (int64_t c = 0, count; c < channels; c += count) {
        count = turn(channels - c);
        WITH_CONSTANT(count, window_sums_of, window, first, last, weights, weight_step, direction,
                      shown + c * window->plane, sums + c * window->plane)
    }
}

#endif
