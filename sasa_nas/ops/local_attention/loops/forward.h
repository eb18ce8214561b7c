/* Output and log-sum-exp of a head. */
#ifndef SASA_NAS_FORWARD_H
#define SASA_NAS_FORWARD_H

#include <float.h>

#include "head.h"

INLINE void forward_block(const Head *head, int64_t i, int careful)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    Rows seen = rows_seen(head, i), weighed = job->zeros ? (Rows){0, window->rows} : seen;
    read_sides(head, i);
    window_dots(window, seen.first, seen.last, head->query + i, head->key + i, head->content, head->weights);
    Vector peak = splat(-FLT_MAX), sum = {0};
    for (int64_t row = weighed.first; row < weighed.last; row++)
        for (int64_t col = 0; col < window->cols; col++) {
            Vector value = logit(head, row, col, careful);
            head->weights[row * window->cols + col] = value;
            peak = larger(value, peak);
        }
    for (int64_t row = weighed.first; row < weighed.last; row++) {
        Vector row_sum = {0}; /* many small numbers added to a large one would all be lost */
        for (int64_t col = 0; col < window->cols; col++) {
            Vector *weight = head->weights + row * window->cols + col;
            Vector value = exponential(*weight - peak);
            row_sum += value;
            *weight = careful ? where(head->inside[row] & head->inside[window->rows + col], value) : value;
        }
        sum += row_sum;
    }
    for (int64_t c = 0; c < job->value_dim; c++)
        store(head->out + c * window->plane + i, (Vector){0});
    window_sums(window, seen.first, seen.last, (float *)head->weights, LANES, 1, head->value + i, job->value_dim,
                head->out + i);
    for (int64_t c = 0; c < job->value_dim; c++) {
        float *to = head->out + c * window->plane + i;
        store(to, load(to) / sum);
    }
    store(head->lse + i, peak + logarithm(sum));
}

static void forward_task(const void *shared, int64_t task, float *scratch)
{
    const Attention *job = shared;
    Head head;
    int careful = open_head(&head, job, task, 0, scratch);
    for (int64_t i = 0; i < head.pixels; i += LANES) {
        if (careful)
            forward_block(&head, i, 1);
        else
            forward_block(&head, i, 0);
    }
    int64_t batch = task / job->heads, index = task % job->heads;
    write_map(&job->out, batch, index, job->height, job->width, job->value_dim, 1, &head.window, head.out);
    write_map(&job->lse, batch, index, job->height, job->width, 1, 1, &head.window, head.lse);
    close_head(&head, 0, scratch);
}

#endif
