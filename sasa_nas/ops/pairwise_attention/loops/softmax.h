/* From logits to weighted sums of values, and back. */
#ifndef SASA_NAS_SOFTMAX_H
#define SASA_NAS_SOFTMAX_H

#include "products.h"
#include "relation.h"

/* What becomes of `related`: the hidden layer, where there is one, and the logits. */
static void map_block(const Image *image)
{
    const Mapping *mapping = image->mapping;
    const Pairwise *job = mapping->job;
    int64_t step = image->step, area = image->area;
    if (job->layers == 2) {
        Matrix weight = {mapping->weight, mapping->related, 1};
        multiply_planes_relu(job->hidden, mapping->related, area, weight, mapping->bias, image->related, step,
                             image->hidden, step);
    }
    Matrix last = {job->weight[job->layers - 1], mapping->depth, 1};
    multiply_planes(job->weight_channels, mapping->depth, area, last, job->bias, image->hidden, step, image->logits,
                    step);
}

/* Makes exponentials of a channel's logits. Writes the log-sum-exp; returns the inverse of their sum. */
INLINE Vector exponentials(const Image *image, float *logits, float *lse)
{
    Vector peak = load(logits), sum = {0};
    for (int64_t j = 1; j < image->area; j++)
        peak = larger(load(logits + j * LANES), peak);
    for (int64_t j = 0; j < image->area; j++) {
        Vector value = exponential(load(logits + j * LANES) - peak);
        sum += value;
        store(logits + j * LANES, value);
    }
    store(lse, peak + logarithm(sum));
    return 1 / sum;
}

/* out[g] = factor * sum_j weights[j] * shown[g, j] for `count` channels of one weight channel. */
INLINE void weigh(int count, const Image *image, const float *weights, Vector factor, const float *shown,
                  int64_t shown_step, float *out, int64_t out_step)
{
    Vector sums[MOST_SUMS] = {{0}};
    for (int64_t j = 0; j < image->area; j++) {
        Vector weight = load(weights + j * LANES);
        const float *from = shown + image->offsets[j];
        UNROLL
        for (int g = 0; g < count; g++)
            sums[g] += weight * load(from + g * shown_step);
    }
    UNROLL
    for (int g = 0; g < count; g++)
        store(out + g * out_step, sums[g] * factor);
}

static void attend_block(const Image *image, const Block *block)
{
    const Pairwise *job = image->mapping->job;
    int64_t channels = job->weight_channels, groups = job->values / channels;
    for (int64_t c = 0; c < channels; c++) {
        float *weights = image->logits + c * image->step;
        Vector factor = exponentials(image, weights, image->lse + c * image->plane + block->at);
        for (int64_t g = 0, count; g < groups; g += count) {
            count = turn(groups - g);
            int64_t first = c + g * channels;
            const float *shown = image->value + first * image->strips + block->seen;
            float *out = image->out + first * image->plane + block->at;
            WITH_CONSTANT(count, weigh, image, weights, factor, shown, channels * image->strips, out,
                          channels * image->plane)
        }
    }
}

/* products[j] (+)= sum_g gradients[g] * shown[g, j], and grad_shown[g, j] += weights[j] * gradients[g]. */
INLINE void weigh_back(int count, int more, const Image *image, const Vector *gradients, const float *weights,
                       const float *shown, float *grad_shown, int64_t shown_step, float *products)
{
    Vector of_pixel[MOST_SUMS];
    UNROLL
    for (int g = 0; g < count; g++)
        of_pixel[g] = gradients[g];
    for (int64_t j = 0; j < image->area; j++) {
        Vector weight = load(weights + j * LANES), sum = more ? load(products + j * LANES) : (Vector){0};
        const float *from = shown + image->offsets[j];
        float *to = grad_shown + image->offsets[j];
        UNROLL
        for (int g = 0; g < count; g++) {
            sum += of_pixel[g] * load(from + g * shown_step);
            store(to + g * shown_step, load(to + g * shown_step) + weight * of_pixel[g]);
        }
        store(products + j * LANES, sum);
    }
}

/* Makes weights of the logits by the log-sum-exp, spreads the gradient of the values, and leaves that of the logits in
   `products`. */
static void attend_block_back(const Image *image, const Block *block)
{
    const Pairwise *job = image->mapping->job;
    int64_t channels = job->weight_channels, groups = job->values / channels, strips = image->strips;
    for (int64_t c = 0; c < channels; c++) {
        float *weights = image->logits + c * image->step, *products = image->products + c * image->step;
        Vector lse = load(image->lse + c * image->plane + block->at), mean = {0};
        for (int64_t j = 0; j < image->area; j++) {
            Vector weight = exponential(load(weights + j * LANES) - lse);
            store(weights + j * LANES, block->whole ? weight : where(block->keep, weight));
        }
        for (int64_t g = 0, count; g < groups; g += count) {
            count = turn(groups - g);
            int64_t first = c + g * channels;
            Vector gradients[MOST_SUMS];
            for (int64_t i = 0; i < count; i++) {
                Vector gradient = load(image->out + (first + i * channels) * image->plane + block->at);
                gradients[i] = block->whole ? gradient : where(block->keep, gradient);
            }
            const float *shown = image->value + first * strips + block->seen;
            float *grad_shown = image->grad_value + first * strips + block->seen;
            if (g) {
                WITH_CONSTANT(count, weigh_back, 1, image, gradients, weights, shown, grad_shown, channels * strips,
                              products)
            } else {
                WITH_CONSTANT(count, weigh_back, 0, image, gradients, weights, shown, grad_shown, channels * strips,
                              products)
            }
        }
        for (int64_t j = 0; j < image->area; j++)
            mean += load(weights + j * LANES) * load(products + j * LANES);
        for (int64_t j = 0; j < image->area; j++)
            store(products + j * LANES, load(weights + j * LANES) * (load(products + j * LANES) - mean));
    }
}

#endif
