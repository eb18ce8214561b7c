/* The relation of a block's pixels with their windows, and its derivative. */
#ifndef SASA_NAS_RELATION_H
#define SASA_NAS_RELATION_H

#include "image.h"

/* Copies query and key so that `relate` yields scale * relation + shift, in planes and strips that hold the factors. */
static void read_relation(const Image *image, const float *scale, const float *shift)
{
    const Mapping *mapping = image->mapping;
    const Pairwise *job = mapping->job;
    int64_t plane = image->plane, kind = job->kind;
    copy_planes(image, &job->key, 0, job->channels, image->query, 0);
    for (int64_t c = 0; c < job->channels; c++) {
        int place = c >= mapping->compared;
        int64_t r = place ? mapping->related - job->channels + c : c;
        float factor = 1, offset = 0;
        if (place || kind == SUBTRACTION)
            factor = -scale[r];
        else if (kind == SUM)
            factor = scale[r];
        else if (kind == CONCATENATION)
            factor = scale[mapping->compared + c], offset = shift[mapping->compared + c];
        make_strip(image, image->query + c * plane, factor, offset, image->key + c * image->strips);
    }
    copy_planes(image, &job->query, 0, job->channels, image->query, 0);
    for (int64_t c = 0; c < job->channels; c++) {
        int place = c >= mapping->compared;
        int64_t r = place ? mapping->related - job->channels + c : c;
        if (!place && kind == DOT)
            continue;
        float factor = scale[r], offset = !place && kind == HADAMARD ? 0 : shift[r];
        float *at = image->query + c * plane;
        for (int64_t i = 0; i < image->pixels; i++)
            at[i] = at[i] * factor + offset;
    }
}

INLINE Vector positive(Vector vector) { return where(~(vector <= 0), vector); } /* what is no number stays so */

/* A channel of the relation is center + shown, center * shown + shift, or one of both alone. */
INLINE void relate_channel(int product, int relu, const Image *image, Vector center, const float *shown, float shift,
                           float *to)
{
    for (int64_t j = 0; j < image->area; j++) {
        Vector other = load(shown + image->offsets[j]);
        Vector value = product ? center * other + shift : center + other;
        store(to + j * LANES, relu ? positive(value) : value);
    }
}

/* Sums over channels: few enough of them at once to stay in registers. */
static void relate_dot(int relu, const Image *image, const Block *block, float scale, float shift, float *to)
{
    int64_t plane = image->plane, strips = image->strips;
    for (int64_t j = 0, count; j < image->area; j += count) {
        count = least(image->area - j, 4);
        Vector sums[4] = {{0}};
        const float *center = image->query + block->at, *shown = image->key + block->seen;
        const int64_t *offsets = image->offsets + j;
        for (int64_t c = 0; c < image->mapping->compared; c++, center += plane, shown += strips) {
            Vector factor = load(center);
            for (int64_t i = 0; i < count; i++)
                sums[i] += factor * load(shown + offsets[i]);
        }
        for (int64_t i = 0; i < count; i++) {
            Vector value = sums[i] * scale + shift;
            store(to + (j + i) * LANES, relu ? positive(value) : value);
        }
    }
}

/* related[r, j] = scale * relation + shift of a block, or the larger of it and zero. */
INLINE void relate(int relu, const Image *image, const Block *block, const float *scale, const float *shift)
{
    const Mapping *mapping = image->mapping;
    int64_t compared = mapping->compared, kind = mapping->job->kind, step = image->step;
    float *to = image->related;
    const float *center = image->query + block->at, *shown = image->key + block->seen;
    if (kind == DOT) {
        relate_dot(relu, image, block, scale[0], shift[0], to);
        to += step;
    }
    for (int64_t c = 0; c < mapping->job->channels; c++, center += image->plane, shown += image->strips) {
        if (c >= compared) {
            int64_t r = mapping->related - mapping->job->channels + c;
            relate_channel(0, relu, image, load(center), shown, 0, image->related + r * step);
        } else if (kind == HADAMARD) {
            relate_channel(1, relu, image, load(center), shown, shift[c], to + c * step);
        } else if (kind == CONCATENATION) {
            Vector value = relu ? positive(load(center)) : load(center);
            for (int64_t j = 0; j < image->area; j++)
                store(to + c * step + j * LANES, value);
            relate_channel(0, relu, image, (Vector){0}, shown, 0, to + (compared + c) * step);
        } else if (kind != DOT) {
            relate_channel(0, relu, image, load(center), shown, 0, to + c * step);
        }
    }
}

/* Adds a channel's gradient to that of the pixel and of those in its window. Returns its sum over the window. */
INLINE Vector spread_channel(int to_center, int to_shown, int product, const Image *image, const float *gradient,
                             float *center, float *shown, const float *center_factor, const float *shown_factor)
{
    Vector sum = {0}, weighed = {0};
    for (int64_t j = 0; j < image->area; j++) {
        Vector of_pair = load(gradient + j * LANES);
        sum += of_pair;
        if (product)
            weighed += of_pair * load(shown_factor + image->offsets[j]);
        float *at = shown + image->offsets[j];
        if (to_shown)
            store(at, load(at) + (product ? of_pair * load(center_factor) : of_pair));
    }
    if (to_center)
        store(center, load(center) + (product ? weighed : sum));
    return sum;
}

/* Adds the gradient of `related` in its place to those of planes and strips, for the first `channels` of query and key,
   and its sums over the block to `sums`. It is still to be multiplied by the scale; see corrections.h. */
static void spread_relation(const Image *image, const Block *block, int64_t channels, Vector *sums)
{
    const Mapping *mapping = image->mapping;
    int64_t compared = mapping->compared, kind = mapping->job->kind, step = image->step;
    for (int64_t c = 0; c < channels; c++) {
        float *center = image->grad_query + c * image->plane + block->at;
        float *shown = image->grad_key + c * image->strips + block->seen;
        const float *center_factor = image->query + c * image->plane + block->at;
        const float *shown_factor = image->key + c * image->strips + block->seen;
        const float *gradient = image->related + c * step;
        if (c >= compared) {
            int64_t r = mapping->related - mapping->job->channels + c;
            sums[r] += spread_channel(1, 1, 0, image, image->related + r * step, center, shown, NULL, NULL);
        } else if (kind == HADAMARD) {
            sums[c] += spread_channel(1, 1, 1, image, gradient, center, shown, center_factor, shown_factor);
        } else if (kind == DOT) {
            Vector sum = spread_channel(1, 1, 1, image, image->related, center, shown, center_factor, shown_factor);
            sums[0] += c ? (Vector){0} : sum;
        } else if (kind == CONCATENATION) {
            sums[c] += spread_channel(1, 0, 0, image, gradient, center, shown, NULL, NULL);
            gradient += compared * step;
            sums[compared + c] += spread_channel(0, 1, 0, image, gradient, center, shown, NULL, NULL);
        } else {
            sums[c] += spread_channel(1, 1, 0, image, gradient, center, shown, NULL, NULL);
        }
    }
}

#endif
