/* The gradients of a head, and of the tables from all heads. */
#ifndef SASA_NAS_BACKWARD_H
#define SASA_NAS_BACKWARD_H

#include "head.h"

/* Adds what some keys and a group of queries have to do with each other to all gradients; the first of the rows between
   two turns is `first`. */
INLINE void backward_keys(int blocks, int keys, const Head *head, int64_t i, const Integers *real, int64_t first, int64_t y,
                          int64_t x, const Vector *row, Vector *row_sums, int careful)
{
    const Attention *job = head->job;
    int64_t plane = head->window.plane, j = y * job->width + x;
    int64_t rows = round_up(head->rows * job->width);
    Vector weights[BLOCKS][KEYS], products[BLOCKS][KEYS];
    read_logits(blocks, keys, head, i, y, x, row, weights);
    UNROLL
    for (int b = 0; b < blocks; b++)
        UNROLL
        for (int k = 0; k < keys; k++)
            products[b][k] = -load(head->delta + i + b * LANES);
    const float *value = head->value + j, *grad = head->grad_out + i;
    for (int64_t c = 0; c < job->value_dim; c++, value += plane, grad += plane)
        UNROLL
        for (int b = 0; b < blocks; b++) {
            Vector factor = load(grad + b * LANES);
            UNROLL
            for (int k = 0; k < keys; k++)
                products[b][k] += factor * value[k];
        }
    UNROLL
    for (int b = 0; b < blocks; b++) {
        UNROLL
        for (int k = 0; k < keys; k++) {
            weights[b][k] = power_of_two(weights[b][k]);
            products[b][k] *= weights[b][k];
            if (careful) {
                weights[b][k] = where(real[b], weights[b][k]);
                products[b][k] = where(real[b], products[b][k]);
            }
            row_sums[b] += products[b][k];
            float *col_sum = head->col_sums + (x + k) * plane + i + b * LANES;
            store(col_sum, load(col_sum) + products[b][k]);
        }
    }
    Vector *sums = head->value_sums + j - first * job->width;
    grad = head->grad_out + i;
    for (int64_t c = 0; c < job->value_dim; c++, grad += plane, sums += rows) {
        UNROLL
        for (int k = 0; k < keys; k++) {
            Vector sum = sums[k];
            UNROLL
            for (int b = 0; b < blocks; b++)
                sum += weights[b][k] * load(grad + b * LANES);
            sums[k] = sum;
        }
    }
    sums = head->key_sums + j - first * job->width;
    const float *query = head->query + i, *key = head->key + j;
    float *grad_query = head->grad_query + i;
    for (int64_t c = 0; c < job->key_dim; c++, query += plane, key += plane, grad_query += plane, sums += rows) {
        UNROLL
        for (int k = 0; k < keys; k++) {
            Vector sum = sums[k];
            UNROLL
            for (int b = 0; b < blocks; b++)
                sum += products[b][k] * load(query + b * LANES);
            sums[k] = sum;
        }
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

/* Adds to all gradients what a group of queries has to do with the rows of keys from `first` up to `last`. */
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
            row[b] = load(head->row_logits + y * plane + i + b * LANES) - load(head->lse + i + b * LANES);
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

/* Adds the part of ds that went through the embeddings of one axis to dq, and to the embeddings' gradients. */
INLINE Vector backward_axis(Vector query, Vector grad_query, const float *sums, int64_t sums_step, const float *table,
                            float *gradient, int64_t step, int64_t size)
{
    for (int64_t key = 0; key < size; key++, sums += sums_step, table += step, gradient += step) {
        Vector sum = load(sums);
        grad_query += sum * load(table);
        store(gradient, load(gradient) + sum * query);
    }
    return grad_query;
}

static void backward_embeddings(const Head *head)
{
    const Attention *job = head->job;
    const Tables *tables = head->tables;
    int64_t plane = head->window.plane;
    for (int64_t c = 0; c < tables->channels; c++) {
        const float *query = head->query + c * plane;
        float *grad_query = head->grad_query + c * plane;
        for (int64_t i = 0; i < head->pixels; i += LANES) {
            int64_t row = c * tables->row_plane + row_place(job, 0, i);
            int64_t col = c * tables->col_plane + i % job->width;
            Vector sum = backward_axis(load(query + i), load(grad_query + i), head->row_sums + i, plane,
                                       tables->rows + row, head->row_gradients + row, -job->width, job->height);
            sum = backward_axis(load(query + i), sum, head->col_sums + i, plane, tables->cols + col,
                                head->col_gradients + col, tables->col_step, job->width);
            store(grad_query + i, sum);
        }
    }
}

INLINE Four load_four(const float *from)
{
    Four four;
    memcpy(&four, from, sizeof four);
    return four;
}

/* Sums of the lanes of `count` vectors. */
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

/* All gradients of one head: some rows of keys after the others, and for each all queries. */
static void backward_head(const Head *head, int careful)
{
    const Attention *job = head->job;
    int64_t plane = head->window.plane, width = job->width, keys = round_up(head->rows * width);
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
    for (int64_t first = 0; first < job->height; first += head->rows) {
        int64_t last = least(first + head->rows, job->height), i = 0, count = (last - first) * width;
        memset(head->key_sums, 0, job->key_dim * keys * sizeof(Vector));
        memset(head->value_sums, 0, job->value_dim * keys * sizeof(Vector));
        for (; !careful && i + LANES < head->pixels; i += BLOCKS * LANES)
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

/* The gradients of the tables from one head: all offsets of rows, then all of columns, of every channel. */
static void table_gradients(const Head *head, float *to)
{
    const Attention *job = head->job;
    const Tables *tables = head->tables;
    int64_t height = job->height, width = job->width, sides = 2 * height - 1 + 2 * width - 1;
    memset(to, 0, tables->channels * sides * sizeof(float));
    for (int64_t c = 0; c < tables->channels; c++, to += sides) {
        const float *rows = head->row_gradients + c * tables->row_plane;
        const float *cols = head->col_gradients + c * tables->col_plane;
        for (int64_t x = 0; x < width; x++)
            for (int64_t row = 0; row < 2 * height - 1; row++)
                to[row] += rows[(2 * height - 2 - row) * width + x];
        for (int64_t key = 0; key < width; key++)
            for (int64_t place = 0; place < width + LANES; place++)
                to[2 * height - 1 + offset_of(key, place % width, width)] += cols[key * tables->col_step + place];
    }
}

typedef struct {
    Call call;
    float *table_gradients; /* of every task: (batch * heads, key_dim, offsets of rows and then of columns) */
    int64_t floats;         /* of a task */
} Backward;

/* Whether some numbers are infinite, NaN or so large that their products may be: then what stands beside the map's pixels
   must be left out, as zero times those is no zero. */
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

/* Adds gradients of a table, `step` floats from channel to channel. */
static void add_table(const Map *to, const float *from, int64_t step, int64_t offsets, int64_t channels)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t offset = 0; offset < offsets; offset++)
            to->data[offset * to->strides[1] + c * to->strides[4]] += from[c * step + offset] * (float)LN_2;
}

#endif
