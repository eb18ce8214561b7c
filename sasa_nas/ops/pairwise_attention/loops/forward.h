/* The passes of the forward direction: statistics of the relation and of the hidden layer, then the attention. */
#ifndef SASA_NAS_FORWARD_H
#define SASA_NAS_FORWARD_H

#include "softmax.h"

/* Adds a block's numbers of a channel, and their squares, less `shift`, to sums. */
INLINE void add_moments(const Image *image, const Block *block, const float *numbers, float shift, Vector *sums)
{
    Vector sum = {0}, squares = {0};
    for (int64_t j = 0; j < image->area; j++) {
        Vector value = load(numbers + j * LANES) - shift;
        if (!block->whole)
            value = where(block->keep, value);
        sum += value;
        squares += value * value;
    }
    sums[0] += sum;
    sums[1] += squares;
}

static double exact_total(Vector vector)
{
    double sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += vector[i];
    return sum;
}

/* Writes means and sums of squared distances from them, by sums of numbers less `shift`. */
static void write_moments(const Image *image, int64_t channels, const float *shift, const Vector *sums)
{
    double count = (double)(image->pixels * image->area);
    double *moments = image->mapping->moments + image->batch * 2 * channels;
    for (int64_t r = 0; r < channels; r++) {
        double mean = exact_total(sums[2 * r]) / count, squares = exact_total(sums[2 * r + 1]);
        moments[2 * r] = shift[r] + mean;
        moments[2 * r + 1] = squares - count * mean * mean;
    }
}

/* The moments of the rows of `numbers`, which `make` makes for a block. Sums are of distances from the means of the
   first block, so that means that are large beside the deviation cost no digits. */
#define TAKE_MOMENTS(image, channels, numbers, make)                                                                   \
    do {                                                                                                               \
        Vector sums[2 * (channels)];                                                                                   \
        float shift[channels];                                                                                         \
        memset(sums, 0, sizeof sums);                                                                                  \
        for (int64_t y = 0, first = 1; y < (image)->lines; y++)                                                        \
            for (int64_t x = 0; x < (image)->line; x += LANES) {                                                       \
                Block block = block_at(image, y, x);                                                                   \
                fetch(&(image)->ahead);                                                                                \
                make;                                                                                                  \
                for (int64_t r = 0; r < (channels); r++) {                                                             \
                    const float *row = (numbers) + r * (image)->step;                                                  \
                    if (first)                                                                                         \
                        shift[r] = first_mean(image, &block, row);                                                     \
                    add_moments(image, &block, row, shift[r], sums + 2 * r);                                           \
                }                                                                                                      \
                first = 0;                                                                                             \
            }                                                                                                          \
        write_moments(image, channels, shift, sums);                                                                   \
    } while (0)

static float first_mean(const Image *image, const Block *block, const float *numbers)
{
    Vector sums[2] = {{0}};
    int64_t pixels = 0;
    for (int i = 0; i < LANES; i++)
        pixels -= block->keep[i];
    add_moments(image, block, numbers, 0, sums);
    return total(sums[0]) / (float)(pixels * image->area);
}

/* For this the mapping's scale is one and its shift zero. */
static void relation_moments_task(const void *shared, int64_t task, float *scratch)
{
    const Mapping *mapping = shared;
    Image image;
    open_image(&image, mapping, RELATIONS, task, scratch);
    read_relation(&image, mapping->scale, mapping->shift);
    TAKE_MOMENTS(&image, mapping->related, image.related, relate(0, &image, &block, mapping->scale, mapping->shift));
}

/* For this the mapping's weight is not yet folded. */
static void hidden_moments_task(const void *shared, int64_t task, float *scratch)
{
    const Mapping *mapping = shared;
    const Pairwise *job = mapping->job;
    Image image;
    open_image(&image, mapping, RELATIONS | HIDDEN, task, scratch);
    read_relation(&image, mapping->scale, mapping->shift);
    Matrix weight = {job->weight[0], mapping->related, 1};
    TAKE_MOMENTS(&image, job->hidden, image.hidden, {
        relate(1, &image, &block, mapping->scale, mapping->shift);
        multiply_planes(job->hidden, mapping->related, image.area, weight, NULL, image.related, image.step,
                        image.hidden, image.step);
    });
}

static void forward_task(const void *shared, int64_t task, float *scratch)
{
    const Mapping *mapping = shared;
    const Pairwise *job = mapping->job;
    Image image;
    open_image(&image, mapping, RELATIONS | HIDDEN | FORWARD, task, scratch);
    read_relation(&image, mapping->scale, mapping->shift);
    read_values(&image);
    for (int64_t y = 0; y < image.lines; y++)
        for (int64_t x = 0; x < image.line; x += LANES) {
            Block block = block_at(&image, y, x);
            fetch(&image.ahead);
            relate(1, &image, &block, mapping->scale, mapping->shift);
            map_block(&image);
            attend_block(&image, &block);
        }
    copy_planes(&image, &job->out, 0, job->values, image.out, 1);
    copy_planes(&image, &job->lse, 0, job->weight_channels, image.lse, 1);
}

#endif
