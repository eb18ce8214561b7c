/* Output and log-sum-exp of a group of heads. */
#ifndef SASA_NAS_GROUP_FORWARD_H
#define SASA_NAS_GROUP_FORWARD_H

#include <float.h>

#include "group_thin.h"

/* Logits below this in magnitude need no shift: weights between 2^-40 and 2^40, and sums of them, are normal numbers, and
   so are their products with values below the other. */
#define SMALL_LOGIT 27.0f
#define SMALL_VALUE 0x1p60f

/* Notes the squared lengths of the keys, infinite where the value is too large for weights of 2^40. Returns the
   largest. */
static Vector measure_keys(const Group *group)
{
    const Attention *job = group->job;
    Vector longest = {0};
    for (int64_t i = 0; i < job->height * job->width; i++) {
        const Vector *key = group->key + i * group->content, *value = group->value + i * job->value_dim;
        Vector square = {0};
        Integers small = (Integers){0} - 1;
        for (int64_t c = 0; c < group->content; c++)
            square += key[c] * key[c];
        for (int64_t c = 0; c < job->value_dim; c++)
            small &= (value[c] < SMALL_VALUE) & (value[c] > -SMALL_VALUE);
        small &= square < INFINITY;
        group->lengths[i] = choose(small, square, splat(INFINITY));
        longest = larger(group->lengths[i], longest);
    }
    return longest;
}

/* Where -1, a logit of the query may not be small. (a + b)^2 <= 2 a^2 + 2 b^2. */
static Integers has_large_logits(const Group *group, const Vector *query, const Vector *sides, Vector longest)
{
    Vector square = {0}, row = {0}, col = {0};
    for (int64_t c = 0; c < group->content; c++)
        square += query[c] * query[c];
    for (int64_t side = 0; side < group->rows; side++)
        row = larger(larger(sides[side], -sides[side]), row);
    for (int64_t side = group->rows; side < group->sides; side++)
        col = larger(larger(sides[side], -sides[side]), col);
    Vector bound = 2 * square * longest + 2 * (row + col) * (row + col);
    return ~(bound < SMALL_LOGIT * SMALL_LOGIT);
}

/* The largest logit of each query, or zero where those of its own window are small for certain. */
static void find_peaks(const Group *group, const Queries *queries, Vector *peaks)
{
    int64_t width = group->job->width;
    Rows rows = weighed_rows(group, queries->y);
    Vector longest[MOST_QUERIES] = {{0}};
    for (int64_t i = 0; i < queries->count; i++)
        peaks[i] = splat(-FLT_MAX);
    for (int64_t row = rows.first; row < rows.last; row++) {
        int64_t key_y = row_shown(group, queries->y, row);
        row_logits(group, queries, row, key_y, group->weights);
        for (int64_t i = 0; i < queries->count; i++) {
            const Vector *lengths = group->lengths + key_y * width + queries->x + i - group->col_radius;
            Rows cols = weighed_cols(group, queries, i);
            for (int64_t col = cols.first; col < cols.last; col++)
                peaks[i] = larger(group->weights[i * group->cols + col], peaks[i]);
            for (int64_t col = queries->first[i]; col < queries->last[i] && key_y >= 0; col++)
                longest[i] = larger(lengths[col], longest[i]);
        }
    }
    for (int64_t i = 0; i < queries->count; i++)
        peaks[i] = where(has_large_logits(group, group->query + (queries->x + i) * group->job->key_dim,
                                          group->side_logits + i * group->sides, longest[i]),
                         peaks[i]);
}

/* What is taken off the logits of each query before the exponential, which changes nothing but the range of numbers.
   Where the longest key of the whole map cannot make a logit large it is zero, which saves a look at all logits. */
static void find_shifts(const Group *group, const Queries *queries, Vector longest, Vector *shifts)
{
    Integers large = {0};
    int32_t any = 0;
    for (int64_t i = 0; i < queries->count; i++) {
        shifts[i] = splat(0);
        large |= has_large_logits(group, group->query + (queries->x + i) * group->job->key_dim,
                                  group->side_logits + i * group->sides, longest);
    }
    for (int lane = 0; lane < LANES; lane++)
        any |= large[lane];
    if (any)
        find_peaks(group, queries, shifts);
}

static void forward_queries(const Group *group, const Queries *queries, Vector longest)
{
    const Attention *job = group->job;
    Vector shifts[MOST_QUERIES], sums[MOST_QUERIES] = {{0}};
    Rows rows = weighed_rows(group, queries->y);
    int thin = is_thin(group) && !job->zeros;
    read_side_logits(group, queries);
    find_shifts(group, queries, longest, shifts);
    clear(group->out + queries->x * job->value_dim, queries->count * job->value_dim);
    for (int64_t row = rows.first; row < rows.last; row++) {
        int64_t key_y = row_shown(group, queries->y, row);
        if (thin && key_y >= 0) {
            thin_forward(group, queries, shifts, row, key_y, sums);
            continue;
        }
        row_logits(group, queries, row, key_y, group->weights);
        for (int64_t i = 0; i < queries->count; i++) {
            Rows cols = weighed_cols(group, queries, i);
            Vector *weights = group->weights + i * group->cols, sum = {0};
            for (int64_t col = cols.first; col < cols.last; col++) {
                weights[col] = weight_of(weights[col], shifts[i]);
                sum += weights[col];
            }
            sums[i] += sum; /* row by row: many small numbers added to a large one would all be lost */
        }
        if (key_y >= 0)
            query_sums(group, queries, group->weights, group->value + key_y * job->width * job->value_dim,
                       job->value_dim, group->out);
    }
    for (int64_t i = 0; i < queries->count; i++) {
        Vector *out = group->out + (queries->x + i) * job->value_dim, inverse = 1.0f / sums[i];
        for (int64_t c = 0; c < job->value_dim; c++)
            out[c] *= inverse;
        group->lse[queries->x + i] = shifts[i] + logarithm(sums[i]);
    }
}

static void group_forward_task(const void *shared, int64_t task, float *scratch)
{
    const Attention *job = shared;
    Group group;
    Queries queries;
    lay_out_group(&group, job, task, 0, scratch);
    read_rows(&job->key, &group, group.content, group.key);
    read_rows(&job->value, &group, job->value_dim, group.value);
    read_tables(&group);
    Vector longest = measure_keys(&group);
    for (int64_t y = 0; y < job->height; y++) {
        read_row(&job->query, &group, y, job->key_dim, (float)job->scale, group.query);
        for (int64_t x = 0; x < job->width; x += MOST_QUERIES) {
            find_queries(&group, y, x, &queries);
            forward_queries(&group, &queries, longest);
        }
        write_row(&job->out, &group, y, job->value_dim, 1, group.out);
        write_row(&job->lse, &group, y, 1, 1, group.lse);
    }
}

#endif
