/* The part of the gradients that went through the relative embeddings. */
#ifndef SASA_NAS_EMBEDDINGS_H
#define SASA_NAS_EMBEDDINGS_H

#include "head.h"

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

/* Adds gradients of a table, `step` floats from channel to channel. */
static void add_table(const Map *to, const float *from, int64_t step, int64_t offsets, int64_t channels)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t offset = 0; offset < offsets; offset++)
            to->data[offset * to->strides[1] + c * to->strides[4]] += from[c * step + offset] * (float)LN_2;
}

#endif
