/* Rows of the window for heads so thin that a pixel's key and value stay in registers: all that belongs to a pair of
   pixels is done at once, and nothing but what the keys' gradients need is put down. */
#ifndef SASA_NAS_GROUP_THIN_H
#define SASA_NAS_GROUP_THIN_H

#include "group_rows.h"

/* Whether keys and values are equally thin. */
static int is_thin(const Group *group)
{
    return group->content == group->job->value_dim && group->content <= MOST_SUMS;
}

INLINE void thin_forward_of(int depth, const Group *group, const Queries *queries, const Vector *shifts, int64_t row,
                            int64_t key_y, Vector *sums)
{
    int64_t place = (key_y * group->job->width + queries->x - group->col_radius) * depth;
    const Vector *query = group->query + queries->x * depth, *sides = group->side_logits;
    const Vector *key = group->key + place, *value = group->value + place;
    Vector *out = group->out + queries->x * depth;
    for (int64_t i = 0; i < queries->count; i++) {
        const Vector *starts = sides + group->rows;
        Vector base = sides[row], shift = shifts[i], sum = {0}, factors[MOST_SUMS], totals[MOST_SUMS];
        UNROLL
        for (int c = 0; c < depth; c++)
            factors[c] = query[c], totals[c] = out[c];
        for (int64_t col = queries->first[i]; col < queries->last[i]; col++) {
            Vector weight = starts[col] + base;
            UNROLL
            for (int c = 0; c < depth; c++)
                weight += factors[c] * key[col * depth + c];
            weight = weight_of(weight, shift);
            sum += weight;
            UNROLL
            for (int c = 0; c < depth; c++)
                totals[c] += weight * value[col * depth + c];
        }
        UNROLL
        for (int c = 0; c < depth; c++)
            out[c] = totals[c];
        sums[i] += sum;
        query += depth, out += depth, key += depth, value += depth, sides += group->sides;
    }
}

/* The pixels that one row of the windows shows: their values, weighed, are added to `out`, the weights to `sums`. */
static void thin_forward(const Group *group, const Queries *queries, const Vector *shifts, int64_t row, int64_t key_y,
                         Vector *sums)
{
    WITH_CONSTANT(group->content, thin_forward_of, group, queries, shifts, row, key_y, sums)
}

INLINE void thin_backward_of(int depth, const Group *group, const Queries *queries, const Vector *lse,
                             const Vector *less_means, int64_t row, int64_t key_y)
{
    int64_t place = (key_y * group->job->width + queries->x - group->col_radius) * depth;
    const Vector *query = group->query + queries->x * depth, *grad_out = group->grad_out + queries->x * depth;
    const Vector *key = group->key + place, *value = group->value + place, *sides = group->side_logits;
    Vector *grad_query = group->grad_query + queries->x * depth, *side_sums = group->side_sums;
    Vector *weights = group->weights, *products = group->products;
    for (int64_t i = 0; i < queries->count; i++) {
        const Vector *starts = sides + group->rows;
        Vector base = sides[row], shift = lse[i], less_mean = less_means[i], sum = {0};
        Vector *col_sums = side_sums + group->rows;
        Vector factors[MOST_SUMS], grads[MOST_SUMS], totals[MOST_SUMS];
        UNROLL
        for (int c = 0; c < depth; c++)
            factors[c] = query[c], grads[c] = grad_out[c], totals[c] = grad_query[c];
        for (int64_t col = queries->first[i]; col < queries->last[i]; col++) {
            Vector weight = starts[col] + base, product = less_mean;
            UNROLL
            for (int c = 0; c < depth; c++) {
                weight += factors[c] * key[col * depth + c];
                product += grads[c] * value[col * depth + c];
            }
            weight = weight_of(weight, shift);
            product *= weight;
            weights[col] = weight;
            products[col] = product;
            sum += product;
            col_sums[col] += product;
            UNROLL
            for (int c = 0; c < depth; c++)
                totals[c] += product * key[col * depth + c];
        }
        UNROLL
        for (int c = 0; c < depth; c++)
            grad_query[c] = totals[c];
        side_sums[row] += sum;
        query += depth, grad_out += depth, key += depth, value += depth, grad_query += depth;
        sides += group->sides, side_sums += group->sides, weights += group->cols, products += group->cols;
    }
}

INLINE void thin_key_sums_of(int depth, const Group *group, const Queries *queries, int64_t key_y)
{
    int64_t radius = group->col_radius, step = group->cols - 1, start = key_y * group->job->width;
    int64_t last_x = least(group->job->width, queries->x + queries->count + radius);
    for (int64_t x = most(0, queries->x - radius); x < last_x; x++) {
        int64_t col = x - queries->x + radius; /* of the first query's window, one less in the next one's */
        int64_t i = most(0, col - step), last = least(queries->count, col + 1), place = i * step + col;
        const Vector *query = group->query + (queries->x + i) * depth;
        const Vector *grad_out = group->grad_out + (queries->x + i) * depth;
        Vector *grad_key = group->grad_key + (start + x) * depth, *grad_value = group->grad_value + (start + x) * depth;
        Vector keys[MOST_SUMS], values[MOST_SUMS];
        UNROLL
        for (int c = 0; c < depth; c++)
            keys[c] = grad_key[c], values[c] = grad_value[c];
        for (; i < last; i++, place += step, query += depth, grad_out += depth) {
            Vector product = group->products[place], weight = group->weights[place];
            UNROLL
            for (int c = 0; c < depth; c++) {
                keys[c] += product * query[c];
                values[c] += weight * grad_out[c];
            }
        }
        UNROLL
        for (int c = 0; c < depth; c++)
            grad_key[c] = keys[c], grad_value[c] = values[c];
    }
}

INLINE void thin_backward_row_of(int depth, const Group *group, const Queries *queries, const Vector *lse,
                                 const Vector *less_means, int64_t row, int64_t key_y)
{
    thin_backward_of(depth, group, queries, lse, less_means, row, key_y);
    thin_key_sums_of(depth, group, queries, key_y);
}

/* What the pixels that one row of the windows shows add to dq, to the sums of ds over rows and columns of the window,
   and to their own dk and dv. */
static void thin_backward(const Group *group, const Queries *queries, const Vector *lse, const Vector *less_means,
                          int64_t row, int64_t key_y)
{
    WITH_CONSTANT(group->content, thin_backward_row_of, group, queries, lse, less_means, row, key_y)
}

#endif
