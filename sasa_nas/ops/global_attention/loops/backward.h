/* The gradients of a head. */
#ifndef SASA_NAS_BACKWARD_H
#define SASA_NAS_BACKWARD_H

#include "embeddings.h"

/* Adds one channel of a group of queries, times its weights, to the sums of some keys. */
INLINE void add_products(int blocks, int keys, Vector weights[BLOCKS][KEYS], const float *channel, Vector *sums)
{
    Vector factors[BLOCKS];
    UNROLL
    for (int b = 0; b < blocks; b++)
        factors[b] = load(channel + b * LANES);
    UNROLL
    for (int k = 0; k < keys; k++) {
        Vector sum = sums[k];
        UNROLL
        for (int b = 0; b < blocks; b++)
            sum += weights[b][k] * factors[b];
        sums[k] = sum;
    }
}

/* Adds to all gradients what some keys from (y, x) on have to do with a group of queries, those from place i on.

   `first` is the first row of the chunk; `row` is what is added to all logits; `row_sums` gets the sums of ds. Only
   `real` queries count if `careful`. */
INLINE void backward_keys(int blocks, int keys, const Head *head, int64_t i, const Integers *real, int64_t first,
                          int64_t y, int64_t x, const Vector *row, Vector *row_sums, int careful)
{
    const Attention *job = head->job;
    int64_t plane = head->window.plane, j = y * job->width + x;
    int64_t key_dim = job->key_dim, value_dim = job->value_dim, rows = round_up(head->chunk_rows * job->width);
    Vector weights[BLOCKS][KEYS], products[BLOCKS][KEYS];
    read_logits(blocks, keys, head, i, y, x, row, weights);
    UNROLL
    for (int b = 0; b < blocks; b++)
        UNROLL
        for (int k = 0; k < keys; k++)
            products[b][k] = -load(head->delta + i + b * LANES);
    const float *value = head->value + j, *grad = head->grad_out + i;
    for (int64_t c = 0; c < value_dim; c++, value += plane, grad += plane)
        UNROLL
        for (int b = 0; b < blocks; b++) {
            Vector factor = load(grad + b * LANES);
            UNROLL
            for (int k = 0; k < keys; k++)
                products[b][k] += factor * value[k];
        }
    float *col_sums = head->col_sums + x * plane + i;
    UNROLL
    for (int b = 0; b < blocks; b++) {
        Vector row_sum = {0};
        UNROLL
        for (int k = 0; k < keys; k++) {
            /* no weight is above 1, however coarsely large logits are rounded */
            weights[b][k] = power_of_two(at_most(weights[b][k] - load(head->lse + i + b * LANES), splat(0)));
            products[b][k] *= weights[b][k];
            if (careful) {
                weights[b][k] = where(real[b], weights[b][k]);
                products[b][k] = where(real[b], products[b][k]);
            }
            row_sum += products[b][k];
        }
        row_sums[b] += row_sum;
        UNROLL
        for (int k = 0; k < keys; k++) {
            float *col_sum = col_sums + k * plane + b * LANES;
            store(col_sum, load(col_sum) + products[b][k]);
        }
    }
    Vector *sums = head->value_sums + j - first * job->width;
    grad = head->grad_out + i;
    for (int64_t c = 0; c < value_dim; c++, grad += plane, sums += rows)
        add_products(blocks, keys, weights, grad, sums);
    sums = head->key_sums + j - first * job->width;
    const float *query = head->query + i, *key = head->key + j;
    float *grad_query = head->grad_query + i;
    for (int64_t c = 0; c < key_dim; c++, query += plane, key += plane, grad_query += plane, sums += rows) {
        add_products(blocks, keys, products, query, sums);
        UNROLL
        for (int b = 0; b < blocks; b++) {
            Vector sum = load(grad_query + b * LANES);
            UNROLL
            for (int k = 0; k < keys; k++)
                sum += products[b][k] * key[k];
            store(grad_query + b * LANES, sum);
        }
    }
}

/* The same for all keys of the chunk of rows from `first` up to `last`. */
INLINE void backward_group(int blocks, const Head *head, int64_t i, int64_t first, int64_t last, int careful)
{
    int64_t width = head->job->width, plane = head->window.plane;
    Integers real[BLOCKS];
    for (int b = 0; b < blocks && careful; b++)
        for (int lane = 0; lane < LANES; lane++)
            real[b][lane] = i + b * LANES + lane < head->job->height * width ? -1 : 0;
    for (int64_t y = first; y < last; y++) {
        Vector row[BLOCKS], row_sums[BLOCKS];
        for (int b = 0; b < blocks; b++) {
            row[b] = load(head->row_logits + y * plane + i + b * LANES);
            row_sums[b] = (Vector){0};
        }
        for (int64_t x = 0, keys; x < width; x += keys) {
            keys = keys_of(width - x);
            WITH_KEYS(keys, backward_keys, blocks, head, i, real, first, y, x, row, row_sums, careful)
        }
        for (int b = 0; b < blocks; b++)
            store(head->row_sums + y * plane + i + b * LANES, row_sums[b]);
    }
}

INLINE Four load_four(const float *from)
{
    Four four;
    memcpy(&four, from, sizeof four);
    return four;
}

/* to[j] is the sum of the lanes of vector j, for `count` vectors and memory of up to TILE - 1 more. */
static void sum_lanes(const Vector *vectors, int64_t count, float *to)
{
    for (int64_t j = 0; j < count; j += TILE) {
        float parts[TILE * TILE], turned[TILE * TILE];
        for (int64_t k = 0; k < TILE; k++) {
            const float *from = (const float *)(vectors + j + k);
            Four part = load_four(from);
            for (int lane = TILE; lane < LANES; lane += TILE)
                part += load_four(from + lane);
            memcpy(parts + k * TILE, &part, sizeof part);
        }
        turn_tile(parts, TILE, 1, turned, TILE);
        Four sum = load_four(turned);
        for (int k = 1; k < TILE; k++)
            sum += load_four(turned + k * TILE);
        memcpy(to + j, &sum, least(TILE, count - j) * sizeof(float));
    }
}

/* All gradients of one head: a chunk of keys after the other, and for each all queries.

   The last block of an odd number and those of wild numbers are handled alone and carefully. */
static void backward_head(const Head *head, int wild)
{
    const Attention *job = head->job;
    int64_t plane = head->window.plane, width = job->width, keys = round_up(head->chunk_rows * width);
    for (int64_t i = 0; i < head->pixels; i += LANES) {
        Vector sum = {0};
        for (int64_t c = 0; c < job->value_dim; c++)
            sum += load(head->grad_out + c * plane + i) * load(head->out + c * plane + i);
        store(head->delta + i, sum);
    }
    memset(head->grad_query, 0, job->key_dim * plane * sizeof(float));
    memset(head->col_sums, 0, width * plane * sizeof(float));
    memset(head->row_gradients, 0, head->tables->channels * head->tables->row_plane * sizeof(float));
    memset(head->col_gradients, 0, head->tables->channels * head->tables->col_plane * sizeof(float));
    for (int64_t first = 0; first < job->height; first += head->chunk_rows) {
        int64_t last = least(first + head->chunk_rows, job->height), i = 0, count = (last - first) * width;
        memset(head->key_sums, 0, job->key_dim * keys * sizeof(Vector));
        memset(head->value_sums, 0, job->value_dim * keys * sizeof(Vector));
        for (; !wild && i + LANES < head->pixels; i += BLOCKS * LANES)
            backward_group(BLOCKS, head, i, first, last, 0);
        for (; i < head->pixels; i += LANES)
            backward_group(1, head, i, first, last, 1);
        for (int64_t c = 0; c < job->key_dim; c++)
            sum_lanes(head->key_sums + c * keys, count, head->grad_key + c * plane + first * width);
        for (int64_t c = 0; c < job->value_dim; c++)
            sum_lanes(head->value_sums + c * keys, count, head->grad_value + c * plane + first * width);
    }
    backward_embeddings(head);
}

typedef struct {
    Call call;
    float *table_gradients; /* of every task: (batch * heads, key_dim, offsets of rows and then of columns) */
    int64_t floats;         /* of a task */
} Backward;

/* Whether some numbers are infinite, NaN or so large that their products may be: then the lanes beyond the last query
   must be left out, although they are zero, as zero times such a number is not. */
static int are_wild(const Head *head)
{
    const Attention *job = head->job;
    int64_t plane = head->window.plane;
    return !(are_tame(head->query, job->key_dim * plane) && are_tame(head->key, job->key_dim * plane) &&
             are_tame(head->value, job->value_dim * plane) && are_tame(head->grad_out, job->value_dim * plane) &&
             head->tables->reach <= 1e15);
}

static void backward_task(const void *shared, int64_t task, float *scratch)
{
    const Backward *all = shared;
    const Attention *job = all->call.job;
    Head head;
    open_head(&head, job, all->call.tables, task, 1, scratch);
    backward_head(&head, are_wild(&head));
    int64_t batch = task / job->heads, index = task % job->heads, height = job->height, width = job->width;
    const Window *window = &head.window;
    write_map(&job->grad_query, batch, index, height, width, job->key_dim, job->scale, window, head.grad_query);
    write_map(&job->grad_key, batch, index, height, width, job->key_dim, LN_2, window, head.grad_key);
    write_map(&job->grad_value, batch, index, height, width, job->value_dim, 1, window, head.grad_value);
    table_gradients(&head, all->table_gradients + task * all->floats);
}

#endif
