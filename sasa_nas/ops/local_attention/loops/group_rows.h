/* What the windows of a few neighbouring queries show in one row, for a group of heads. */
#ifndef SASA_NAS_GROUP_ROWS_H
#define SASA_NAS_GROUP_ROWS_H

#include "group.h"

/* e^(logit - shift). The difference comes first: of the largest logit, however large, it is zero. */
INLINE Vector weight_of(Vector logit, Vector shift) { return power_of_two((logit - shift) * 0x1.715476p0f); }

INLINE void dots_of(int count, const Vector *center, const Vector *shown, int64_t depth, int64_t length, Vector *dots)
{
    Vector factors[MOST_SUMS];
    UNROLL
    for (int c = 0; c < count; c++)
        factors[c] = center[c];
    for (int64_t j = 0; j < length; j++, shown += depth) {
        Vector sum = dots[j];
        UNROLL
        for (int c = 0; c < count; c++)
            sum += factors[c] * shown[c];
        dots[j] = sum;
    }
}

/* dots[j] += sum_c center[c] * shown[j, c] for `length` vectors of `depth` channels. */
static void add_dots(const Vector *center, const Vector *shown, int64_t depth, int64_t length, Vector *dots)
{
    for (int64_t c = 0, count; c < depth; c += count) {
        count = turn(depth - c);
        WITH_CONSTANT(count, dots_of, center + c, shown + c, depth, length, dots)
    }
}

INLINE void sums_of(int count, const Vector *weights, int64_t step, const Vector *shown, int64_t depth, int64_t length,
                    Vector *sums)
{
    Vector totals[MOST_SUMS];
    UNROLL
    for (int c = 0; c < count; c++)
        totals[c] = sums[c];
    for (int64_t j = 0; j < length; j++, weights += step, shown += depth) {
        Vector weight = *weights;
        UNROLL
        for (int c = 0; c < count; c++)
            totals[c] += weight * shown[c];
    }
    UNROLL
    for (int c = 0; c < count; c++)
        sums[c] = totals[c];
}

/* sums[c] += sum_j weights[j * step] * shown[j, c] for `length` vectors of `depth` channels. */
static void add_sums(const Vector *weights, int64_t step, const Vector *shown, int64_t depth, int64_t length,
                     Vector *sums)
{
    for (int64_t c = 0, count; c < depth; c += count) {
        count = turn(depth - c);
        WITH_CONSTANT(count, sums_of, weights, step, shown + c, depth, length, sums + c)
    }
}

static void clear(Vector *vectors, int64_t count) { memset(vectors, 0, count * sizeof(Vector)); }

/* Queries at columns `x` up to `x + count` of row `y`; columns `first` up to `last` of their windows are in the map. */
typedef struct {
    int64_t y, x, count;
    int64_t first[MOST_QUERIES], last[MOST_QUERIES];
} Queries;

static void find_queries(const Group *group, int64_t y, int64_t x, Queries *queries)
{
    int64_t width = group->job->width, radius = group->col_radius;
    queries->y = y, queries->x = x, queries->count = least(MOST_QUERIES, width - x);
    for (int64_t i = 0; i < queries->count; i++) {
        queries->first[i] = most(0, radius - x - i);
        queries->last[i] = least(group->cols, width - x - i + radius);
    }
}

/* The rows of the window that weigh anything for queries in row y. */
static Rows weighed_rows(const Group *group, int64_t y)
{
    Rows seen = {most(0, group->row_radius - y), least(group->rows, group->job->height - y + group->row_radius)};
    return group->job->zeros ? (Rows){0, group->rows} : seen;
}

/* The row of the map that a row of the window shows to queries in row y, or -1. */
static int64_t row_shown(const Group *group, int64_t y, int64_t row)
{
    int64_t shown = y + row - group->row_radius;
    return shown < group->job->height ? most(shown, -1) : -1;
}

INLINE void query_dots_of(int count, const Group *group, const Queries *queries, const Vector *center,
                          const Vector *shown, int64_t depth, const Vector *starts, int64_t step, const Vector *bases,
                          Vector *dots)
{
    int64_t cols = group->cols;
    center += queries->x * depth;
    shown += (queries->x - group->col_radius) * depth;
    for (int64_t i = 0; i < queries->count; i++, center += depth, shown += depth, starts += step, dots += cols) {
        Vector factors[MOST_SUMS], base = bases[i];
        UNROLL
        for (int c = 0; c < count; c++)
            factors[c] = center[c];
        for (int64_t col = queries->first[i]; col < queries->last[i]; col++) {
            Vector sum = starts[col] + base;
            UNROLL
            for (int c = 0; c < count; c++)
                sum += factors[c] * shown[col * depth + c];
            dots[col] = sum;
        }
    }
}

/* dots[i, col] = bases[i] + starts[i, col] + sum_c center[x + i, c] * shown[x + i + col - col_radius, c], for the columns
   in the map. `center` and `shown` are rows of the map; `step` is from query to query. */
static void query_dots(const Group *group, const Queries *queries, const Vector *center, const Vector *shown,
                       int64_t depth, const Vector *starts, int64_t step, const Vector *bases, Vector *dots)
{
    static const Vector nothing[MOST_QUERIES];
    for (int64_t c = 0, count; c < depth; c += count, starts = dots, step = group->cols, bases = nothing) {
        count = turn(depth - c);
        WITH_CONSTANT(count, query_dots_of, group, queries, center + c, shown + c, depth, starts, step, bases, dots)
    }
}

INLINE void query_sums_of(int count, const Group *group, const Queries *queries, const Vector *weights,
                          const Vector *shown, int64_t depth, Vector *sums)
{
    sums += queries->x * depth;
    shown += (queries->x - group->col_radius) * depth;
    for (int64_t i = 0; i < queries->count; i++, weights += group->cols, shown += depth, sums += depth) {
        Vector totals[MOST_SUMS];
        UNROLL
        for (int c = 0; c < count; c++)
            totals[c] = sums[c];
        for (int64_t col = queries->first[i]; col < queries->last[i]; col++) {
            Vector weight = weights[col];
            UNROLL
            for (int c = 0; c < count; c++)
                totals[c] += weight * shown[col * depth + c];
        }
        UNROLL
        for (int c = 0; c < count; c++)
            sums[c] = totals[c];
    }
}

/* sums[x + i, c] += sum_col weights[i, col] * shown[x + i + col - col_radius, c], over the columns in the map. */
static void query_sums(const Group *group, const Queries *queries, const Vector *weights, const Vector *shown,
                       int64_t depth, Vector *sums)
{
    for (int64_t c = 0, count; c < depth; c += count) {
        count = turn(depth - c);
        WITH_CONSTANT(count, query_sums_of, group, queries, weights, shown + c, depth, sums + c)
    }
}

INLINE void key_sums_of(int count, const Group *group, const Queries *queries, const Vector *weights,
                        const Vector *center, int64_t depth, Vector *sums)
{
    int64_t cols = group->cols, radius = group->col_radius, end = queries->x + queries->count + radius;
    int64_t last_x = least(group->job->width, end);
    center += queries->x * depth;
    for (int64_t x = most(0, queries->x - radius); x < last_x; x++) {
        int64_t col = x - queries->x + radius; /* of the first query's window, one less in the next one's */
        int64_t i = most(0, col - cols + 1), last = least(queries->count, col + 1);
        const Vector *weight = weights + i * cols + col - i, *from = center + i * depth;
        Vector totals[MOST_SUMS];
        UNROLL
        for (int c = 0; c < count; c++)
            totals[c] = sums[x * depth + c];
        for (; i < last; i++, weight += cols - 1, from += depth) {
            UNROLL
            for (int c = 0; c < count; c++)
                totals[c] += *weight * from[c];
        }
        UNROLL
        for (int c = 0; c < count; c++)
            sums[x * depth + c] = totals[c];
    }
}

/* The reverse: sums[x + i + col - col_radius, c] += weights[i, col] * center[x + i, c] for all queries and columns. */
static void key_sums(const Group *group, const Queries *queries, const Vector *weights, const Vector *center,
                     int64_t depth, Vector *sums)
{
    for (int64_t c = 0, count; c < depth; c += count) {
        count = turn(depth - c);
        WITH_CONSTANT(count, key_sums_of, group, queries, weights, center + c, depth, sums + c)
    }
}

/* The logits of the queries for one row of the window; `key_y` is the row of the map that it shows. */
static void row_logits(const Group *group, const Queries *queries, int64_t row, int64_t key_y, Vector *logits)
{
    const Attention *job = group->job;
    const Vector *sides = group->side_logits, *starts = sides + group->rows;
    Vector bases[MOST_QUERIES];
    for (int64_t i = 0; i < queries->count; i++)
        bases[i] = sides[i * group->sides + row];
    /* what is beyond the map has a logit, too, in `zeros`; and without keys there is no other */
    for (int64_t i = 0; i < queries->count && (job->zeros || !group->content); i++)
        for (int64_t col = 0; col < group->cols; col++)
            logits[i * group->cols + col] = starts[i * group->sides + col] + bases[i];
    if (key_y >= 0)
        query_dots(group, queries, group->query, group->key + key_y * job->width * group->content, group->content,
                   starts, group->sides, bases, logits);
}

/* The columns of a row of the window that weigh anything for query i. */
static Rows weighed_cols(const Group *group, const Queries *queries, int64_t i)
{
    return group->job->zeros ? (Rows){0, group->cols} : (Rows){queries->first[i], queries->last[i]};
}

/* q.r of the queries for every row and column of the window. */
static void read_side_logits(const Group *group, const Queries *queries)
{
    const Attention *job = group->job;
    Vector *to = group->side_logits;
    clear(to, queries->count * group->sides);
    for (int64_t i = 0; i < queries->count && job->rel_rows.data; i++, to += group->sides)
        add_dots(group->query + (queries->x + i) * job->key_dim, group->table, job->key_dim, group->sides, to);
}

#endif
