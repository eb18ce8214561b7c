/* Output and log-sum-exp of a head. */
#ifndef SASA_NAS_FORWARD_H
#define SASA_NAS_FORWARD_H

#include <float.h>

#include "head.h"

INLINE void peak_of(int blocks, int keys, const Head *head, int64_t i, int64_t y, int64_t x, const Vector *row,
                    Vector *peaks)
{
    Vector logits[BLOCKS][KEYS];
    read_logits(blocks, keys, head, i, y, x, row, logits);
    UNROLL
    for (int b = 0; b < blocks; b++)
        UNROLL
        for (int k = 0; k < keys; k++)
            peaks[b] = larger(logits[b][k], peaks[b]);
}

/* Adds the exponentials of some keys to `sums`, and the values they weigh to the output.

   The peaks are taken off at the end, of the same sums that they were found among: taken off the first term, they would
   be missed by hundreds where logits are so large that their last digit stands for as much. */
INLINE void weigh(int blocks, int keys, const Head *head, int64_t i, int64_t y, int64_t x, const Vector *row,
                  const Vector *peaks, Vector *sums)
{
    Vector weights[BLOCKS][KEYS];
    read_logits(blocks, keys, head, i, y, x, row, weights);
    UNROLL
    for (int b = 0; b < blocks; b++)
        UNROLL
        for (int k = 0; k < keys; k++) {
            weights[b][k] = power_of_two(weights[b][k] - peaks[b]);
            sums[b] += weights[b][k];
        }
    int64_t plane = head->window.plane, channels = head->job->value_dim;
    const float *value = head->value + y * head->job->width + x;
    float *out = head->out + i;
    for (int64_t c = 0; c < channels; c++, value += plane, out += plane)
        UNROLL
        for (int b = 0; b < blocks; b++) {
            Vector sum = load(out + b * LANES);
            UNROLL
            for (int k = 0; k < keys; k++)
                sum += weights[b][k] * value[k];
            store(out + b * LANES, sum);
        }
}

/* `bounded`: all logits are so small that their exponentials need no peak taken off. */
INLINE void forward_group(int blocks, const Head *head, int64_t i, int bounded)
{
    const Attention *job = head->job;
    int64_t width = job->width, plane = head->window.plane, channels = job->value_dim;
    Vector peaks[BLOCKS], sums[BLOCKS];
    for (int b = 0; b < blocks; b++) {
        peaks[b] = splat(bounded ? 0 : -FLT_MAX);
        sums[b] = (Vector){0};
        for (int64_t c = 0; c < channels; c++)
            store(head->out + c * plane + i + b * LANES, (Vector){0});
    }
    for (int64_t y = 0; y < job->height; y++) {
        Vector row[BLOCKS], row_sums[BLOCKS]; /* many small numbers added to a large one would all be lost */
        for (int b = 0; b < blocks; b++) {
            row[b] = load(head->row_logits + y * plane + i + b * LANES);
            row_sums[b] = (Vector){0};
        }
        if (!bounded) {
            Vector higher[BLOCKS];
            for (int b = 0; b < blocks; b++)
                higher[b] = peaks[b];
            for (int64_t x = 0, keys; x < width; x += keys) {
                keys = keys_of(width - x);
                WITH_KEYS(keys, peak_of, blocks, head, i, y, x, row, higher)
            }
            for (int b = 0; b < blocks; b++) {
                Vector factor = power_of_two(peaks[b] - higher[b]);
                factor = choose(higher[b] > peaks[b], factor, splat(1));
                sums[b] *= factor;
                for (int64_t c = 0; c < channels; c++) {
                    float *out = head->out + c * plane + i + b * LANES;
                    store(out, load(out) * factor);
                }
                peaks[b] = higher[b];
            }
        }
        for (int64_t x = 0, keys; x < width; x += keys) {
            keys = keys_of(width - x);
            WITH_KEYS(keys, weigh, blocks, head, i, y, x, row, peaks, row_sums)
        }
        for (int b = 0; b < blocks; b++)
            sums[b] += row_sums[b];
    }
    for (int b = 0; b < blocks; b++) {
        for (int64_t c = 0; c < channels; c++) {
            float *out = head->out + c * plane + i + b * LANES;
            store(out, load(out) / sums[b]);
        }
        for (int lane = 0; lane < LANES; lane++)
            head->lse[i + b * LANES + lane] = (peaks[b][lane] + log2f(sums[b][lane])) * (float)LN_2;
    }
}

/* The most that vectors of planes are long; the length of those with NaN is none. */
static double longest_of(const float *planes, int64_t plane, int64_t pixels, int64_t channels)
{
    Vector longest = {0};
    for (int64_t i = 0; i < pixels; i += LANES) {
        Vector square = {0};
        for (int64_t c = 0; c < channels; c++) {
            Vector number = load(planes + c * plane + i);
            square += number * number;
        }
        longest = larger(square, longest);
    }
    float most = 0;
    for (int lane = 0; lane < LANES; lane++)
        most = longest[lane] > most ? longest[lane] : most;
    return sqrt(most);
}

#define MOST_POWER 32 /* of two, that sums of exponentials and of values they weigh may hold without losing a digit */

/* Whether all logits are known to be small. */
static int are_bounded(const Head *head)
{
    const Attention *job = head->job;
    int64_t plane = head->window.plane, pixels = head->pixels;
    double keys = longest_of(head->key, plane, pixels, job->key_dim) + head->tables->reach;
    double most = longest_of(head->query, plane, pixels, job->key_dim) * keys;
    return most <= MOST_POWER && are_tame(head->value, job->value_dim * plane);
}

static void forward_head(const Head *head, int bounded)
{
    int64_t i = 0;
    for (; i + LANES < head->pixels; i += BLOCKS * LANES) {
        if (bounded)
            forward_group(BLOCKS, head, i, 1);
        else
            forward_group(BLOCKS, head, i, 0);
    }
    if (i < head->pixels)
        forward_group(1, head, i, bounded);
}

static void forward_task(const void *shared, int64_t task, float *scratch)
{
    const Call *call = shared;
    const Attention *job = call->job;
    Head head;
    open_head(&head, job, call->tables, task, 0, scratch);
    forward_head(&head, are_bounded(&head));
    int64_t batch = task / job->heads, index = task % job->heads;
    write_map(&job->out, batch, index, job->height, job->width, job->value_dim, 1, &head.window, head.out);
    write_map(&job->lse, batch, index, job->height, job->width, 1, 1, &head.window, head.lse);
}

#endif
