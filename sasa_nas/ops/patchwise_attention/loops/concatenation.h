/* Statistics of concatenations: every offset of a window shows the same pixels, but for those near the edges. */
#ifndef SASA_NAS_CONCATENATION_H
#define SASA_NAS_CONCATENATION_H

#include "norms.h"

/* Adds a line's distances from `center` to a line of sums, and their squares to the line behind it, or takes them off. */
INLINE void add_line(const float *from, int64_t line, Vector center, float sign, float *sums)
{
    for (int64_t x = 0; x < line; x += LANES) {
        Vector apart = load(from + x) - center;
        store(sums + x, load(sums + x) + apart * sign);
        store(sums + line + x, load(sums + line + x) + apart * apart * sign);
    }
}

/* Adds the moments of what windows show, at each of their places, of a plane.

   Column by column, then offset by offset: each shows the pixels of the one before, but for the first and with one
   more. Numbers are taken relative to the plane's first. `columns` is scratch: two lines and 2 * width doubles. */
static void add_window_moments(const Images *group, const float *plane, float *columns, Moments *moments)
{
    int64_t height = group->job->height, width = group->job->width, side = group->job->kernel_size;
    int64_t images = group->images, line = group->line;
    double *sums = (double *)(columns + 2 * line), *squares = sums + width, pixels = (double)(height * width * images);
    Vector center = splat(plane[0]);
    memset(columns, 0, 2 * line * sizeof(float));
    for (int64_t dy = 0; dy < side; dy++) {
        for (int64_t y = dy ? dy + height - 1 : 0; y < dy + height; y++)
            add_line(plane + group->rows[y] * line, line, center, 1, columns);
        if (dy)
            add_line(plane + group->rows[dy - 1] * line, line, center, -1, columns);
        for (int64_t x = 0; x < width; x++) {
            sums[x] = squares[x] = 0;
            for (int64_t i = 0; i < images; i++)
                sums[x] += columns[x * images + i], squares[x] += columns[line + x * images + i];
        }
        double sum = 0, square = 0;
        for (int64_t x = 0; x < width; x++)
            sum += sums[group->cols[x]], square += squares[group->cols[x]];
        for (int64_t dx = 0; dx < side; dx++) {
            merge_moments(moments + dy * side + dx,
                          (Moments){pixels, plane[0] + sum / pixels, fmax(square - sum * sum / pixels, 0)});
            int64_t old = group->cols[dx], new = group->cols[least(dx + width, width + side - 2)];
            sum += sums[new] - sums[old], square += squares[new] - squares[old];
        }
    }
}

/* How often a window's places show each pixel of an axis: counts[place, pixel]. */
static void count_shown(int64_t size, int64_t side, const int32_t *places, double *counts)
{
    memset(counts, 0, side * size * sizeof(double));
    for (int64_t place = 0; place < side; place++)
        for (int64_t i = 0; i < size; i++)
            counts[place * size + places[place + i]] += 1;
}

/* What the statistics' dependence on the batch adds to the gradients of query and key: `add` and `times` the number
   itself, laid out as the gradients of one image are. The first of them are the query's. */
typedef struct {
    float *add[2], *times[2];
} Correction;

/* Writes the corrections of one key channel. `scratch` is of height * side doubles. */
static void correct_key(const Patchwise *job, const Norm *norm, int64_t channel, const double *row_counts,
                        const double *col_counts, double *scratch, const Correction *to)
{
    const int64_t *strides = job->grad_key.strides;
    int64_t side = job->kernel_size, first = job->keys + channel * side * side;
    for (int which = 0; which < 2; which++) {
        float *map = (which ? to->times : to->add)[1] + channel * strides[4];
        memset(scratch, 0, job->height * side * sizeof(double));
        for (int64_t j = 0; j < side * side; j++) {
            double parts[2];
            correction_of(norm, first + j, parts, parts + 1);
            for (int64_t y = 0; y < job->height; y++)
                scratch[y * side + j % side] += row_counts[j / side * job->height + y] * parts[which];
        }
        for (int64_t y = 0; y < job->height; y++)
            for (int64_t x = 0; x < job->width; x++) {
                double sum = 0;
                for (int64_t dx = 0; dx < side; dx++)
                    sum += scratch[y * side + dx] * col_counts[dx * job->width + x];
                map[y * strides[1] + x * strides[2]] = (float)sum;
            }
    }
}

static void correct_query(const Patchwise *job, const Norm *norm, int64_t channel, const Correction *to)
{
    const int64_t *strides = job->grad_query.strides;
    double add, times;
    correction_of(norm, channel, &add, &times);
    for (int64_t y = 0; y < job->height; y++)
        for (int64_t x = 0; x < job->width; x++) {
            int64_t place = y * strides[1] + x * strides[2] + channel * strides[4];
            to->add[0][place] = (float)add, to->times[0][place] = (float)times;
        }
}

/* Adds a correction, which is laid out as the gradient is, to one image's gradient. */
static void add_correction(const Patchwise *job, const Map *map, const Map *gradient, int64_t batch, const float *add,
                           const float *times)
{
    int last = gradient->strides[4] == 1;
    int64_t inner = last ? job->keys : job->width, outer = last ? job->width : job->keys;
    int64_t step = last ? map->strides[4] : map->strides[2], outer_step = last ? map->strides[2] : map->strides[4];
    for (int64_t y = 0; y < job->height; y++)
        for (int64_t o = 0; o < outer; o++) {
            const float *from = map->data + batch * map->strides[0] + y * map->strides[1] + o * outer_step;
            int64_t place = y * gradient->strides[1] + o * gradient->strides[last ? 2 : 4];
            float *to = gradient->data + batch * gradient->strides[0] + place;
            const float *more = add + place, *factor = times + place;
            for (int64_t i = 0; i < inner && step == 1; i++)
                to[i] += more[i] + factor[i] * from[i];
            for (int64_t i = 0; i < inner && step != 1; i++)
                to[i] += more[i] + factor[i] * from[i * step];
        }
}

static void add_corrections(const Patchwise *job, int64_t batch, const Correction *correction)
{
    add_correction(job, &job->query, &job->grad_query, batch, correction->add[0], correction->times[0]);
    add_correction(job, &job->key, &job->grad_key, batch, correction->add[1], correction->times[1]);
}

#endif
