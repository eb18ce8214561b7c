/* One image of a pairwise attention: its arguments, and its maps in planes and strips. */
#ifndef SASA_NAS_IMAGE_H
#define SASA_NAS_IMAGE_H

#include "ahead.h"
#include "maps.h"
#include "scratch.h"

enum { SUM, SUBTRACTION, HADAMARD, CONCATENATION, DOT };

/* The arguments. Arrays of two are of the first and the second layer of the mapping. */
typedef struct {
    int64_t batch, height, width;
    int64_t channels, positions; /* of query and key: all, and how many of them are subtracted whatever the kind */
    int64_t values, weight_channels, hidden, layers, kernel_size, kind;
    int64_t threads; /* at most */
    int64_t own[2];  /* whether a norm uses the batch's statistics */
    double eps[2];
    Map query, key, value, out, lse; /* (batch, row, column, -, channel) */
    Map grad_out, grad_query, grad_key, grad_value;
    const float *norm_weight[2], *norm_bias[2], *weight[2], *bias;
    float *mean[2], *variance[2]; /* given, or written where they are the batch's own */
    float *grad_norm_weight[2], *grad_norm_bias[2], *grad_weight[2];
} Pairwise;

/* A mapping with its norms folded: y = relu(scale * relation + shift), z = relu(weight y + bias), logits = last z + c;
   where there is one layer, z is y. */
typedef struct {
    const Pairwise *job;
    int64_t related, compared, depth; /* channels of the relation, of what is compared, and of what `last` maps */
    float *scale, *shift, *weight, *bias;
    float *quadratic, *constant, *lost, *slope; /* see corrections.h */
    float *partials;             /* sums of every task, `partial` floats each */
    double *moments;             /* of every task: mean and sum of squared distances of every channel */
    int64_t partial;
} Mapping;

/* LANES neighbouring pixels: the place of the first in planes and in strips, and which of them are this block's own:
   the last block of a line holds some that another block had, or that are none. */
typedef struct {
    int64_t at, seen;
    int whole;
    Integers keep;
} Block;

/* An image and the memory to work on it. A plane holds a channel's pixels row by row, without gaps.

   A strip holds a channel as windows see it: its rows, reflected ones before and after them, `pitch` floats apart, so
   that what is at offset (dy, dx) from the pixel at place i of a line is at i + dy * pitch + dx * strip. Where a row is
   as long as a vector, a line is a row, and rows have reflected margins: `strip` is 1. Shorter rows would leave vectors
   half empty: there all rows are one line, and every column offset has a copy of its own, shifted by it. */
typedef struct {
    const Mapping *mapping;
    int64_t batch, pixels, plane, area, step; /* places of a window, and floats of them for a block */
    int64_t lines, line, pitch, strip, strips;
    int64_t *offsets;                  /* of the places of a window; column by column, so that sums into neighbouring
                                          places of a row are far from each other in time */
    int32_t *rows, *cols;              /* which pixel stands at each place of the padded axes */
    int32_t *unreflected;              /* planes of column offsets: -1 where pixels are seen from their own row */
    float *query, *key, *value;        /* planes of query; strips of key and value */
    float *spare;                      /* planes for channels of query or key */
    float *out, *lse;                  /* planes */
    float *grad_query, *grad_key, *grad_value; /* planes; strips */
    float *keys, *sums;                /* planes: of keys, and six */
    float *between;                    /* rows of a plane, `spaced` floats apart: room for margins on either side */
    int64_t spaced;
    float *related, *hidden, *logits, *products, *gradient; /* of a block: (channels, area, LANES) */
    Ahead ahead;
} Image;

/* Which passes need what. */
enum { RELATIONS = 1, HIDDEN = 2, FORWARD = 4, BACKWARD = 8, CORRECTION = 16, PLANES = 32 };

/* Sizes of an image, and places for all that a pass needs from `base` on. Returns how many floats they take. */
static int64_t lay_out(Image *image, const Mapping *mapping, int needs, float *base)
{
    const Pairwise *job = mapping->job;
    int64_t side = job->kernel_size, margin = side - 1, height = job->height + margin, width = job->width + margin;
    int64_t pixels = job->height * job->width, slack = 2 * LANES;
    int by_row = job->width >= LANES;
    Scratch scratch = {base, 0};
    *image = (Image){.mapping = mapping, .pixels = pixels, .area = side * side, .step = side * side * LANES};
    image->plane = odd_lines(pixels + slack);
    image->lines = by_row ? job->height : 1;
    image->line = by_row ? job->width : pixels;
    image->pitch = by_row ? width : job->width;
    image->strip = by_row ? 1 : odd_lines(height * job->width + slack);
    image->strips = by_row ? odd_lines(height * width + slack) : side * image->strip;
    image->offsets = (int64_t *)take(&scratch, 2 * image->area, 0);
    image->rows = (int32_t *)take(&scratch, height, 0);
    image->cols = (int32_t *)take(&scratch, width, 0);
    image->unreflected = (int32_t *)take(&scratch, by_row ? 0 : side * image->plane, 0);
    image->query = take(&scratch, job->channels * image->plane, 0);
    if (needs & RELATIONS) {
        image->key = take(&scratch, job->channels * image->strips, 0);
        image->related = take(&scratch, mapping->related * image->step, 0);
    }
    if (needs & HIDDEN)
        image->hidden = job->layers == 1 ? image->related : take(&scratch, job->hidden * image->step, 0);
    if (needs & (FORWARD | BACKWARD)) {
        image->value = take(&scratch, job->values * image->strips, 0);
        image->logits = take(&scratch, job->weight_channels * image->step, 0);
        image->lse = take(&scratch, job->weight_channels * image->plane, 0);
        image->out = take(&scratch, job->values * image->plane, 0); /* or its gradient */
    }
    if (needs & (BACKWARD | CORRECTION | PLANES)) {
        image->spare = take(&scratch, job->channels * image->plane, 0);
        image->grad_query = take(&scratch, job->channels * image->plane, 0);
    }
    if (needs & (BACKWARD | CORRECTION))
        image->grad_key = take(&scratch, job->channels * image->strips, 0);
    if (needs & CORRECTION)
        image->gradient = take(&scratch, mapping->related * image->step, 0);
    if (needs & PLANES) {
        image->keys = take(&scratch, job->channels * image->plane, 0);
        image->spaced = round_up(job->width) + 2 * side;
        image->between = take(&scratch, job->height * image->spaced, 0);
        image->sums = take(&scratch, 6 * image->plane, 0);
    }
    if (needs & BACKWARD) {
        image->grad_value = take(&scratch, job->values * image->strips, 0);
        image->products = take(&scratch, job->weight_channels * image->step, 0);
    }
    return scratch.used;
}

/* Which pixel stands at each place of an axis padded by reflection; see reflection_indices of windows.py. */
static void reflect(int64_t size, int64_t radius, int32_t *places)
{
    int64_t period = most(2 * (size - 1), 1);
    for (int64_t i = 0; i < size + 2 * radius; i++) {
        int64_t place = ((i - radius) % period + period) % period;
        places[i] = (int32_t)least(place, period - place);
    }
}

/* Where the image after the next ones of all threads is read from. */
static void see_next(Image *image, int needs)
{
    const Pairwise *job = image->mapping->job;
    int64_t next = image->batch + most(1, job->threads), pixels = image->pixels;
    if (next >= job->batch)
        return;
    if (needs & (CORRECTION | PLANES)) {
        look_ahead(&image->ahead, &job->grad_query, next, job->channels * pixels);
        look_ahead(&image->ahead, &job->grad_key, next, job->channels * pixels);
    }
    if (needs & BACKWARD) {
        look_ahead(&image->ahead, &job->lse, next, job->weight_channels * pixels);
        look_ahead(&image->ahead, &job->grad_out, next, job->values * pixels);
    }
    if (needs & (FORWARD | BACKWARD))
        look_ahead(&image->ahead, &job->value, next, job->values * pixels);
    look_ahead(&image->ahead, &job->query, next, job->channels * pixels);
    look_ahead(&image->ahead, &job->key, next, job->channels * pixels);
    divide(&image->ahead, needs & PLANES ? job->channels : pixels / LANES + 1);
}

static void open_image(Image *image, const Mapping *mapping, int needs, int64_t batch, float *scratch)
{
    const Pairwise *job = mapping->job;
    lay_out(image, mapping, needs, scratch);
    image->batch = batch;
    see_next(image, needs);
    reflect(job->height, job->kernel_size / 2, image->rows);
    reflect(job->width, job->kernel_size / 2, image->cols);
    for (int64_t dx = 0, j = 0; dx < job->kernel_size; dx++)
        for (int64_t dy = 0; dy < job->kernel_size; dy++, j++)
            image->offsets[j] = dy * image->pitch + dx * image->strip;
    for (int64_t dx = 0; dx < job->kernel_size && image->strip > 1; dx++)
        for (int64_t i = 0, x = 0; i < image->pixels; i++, x = x + 1 < job->width ? x + 1 : 0) {
            int64_t viewer = x + job->kernel_size / 2 - dx;
            image->unreflected[dx * image->plane + i] = -(viewer >= 0 && viewer < job->width);
        }
}

/* Copies channels between a map and planes. */
static void copy_planes(const Image *image, const Map *map, int64_t first, int64_t channels, float *planes, int to_map)
{
    const Pairwise *job = image->mapping->job;
    int64_t rows = map->strides[1] == job->width * map->strides[2] ? 1 : job->height, width = image->pixels / rows;
    float *corner = map->data + image->batch * map->strides[0] + first * map->strides[4];
    for (int64_t y = 0; y < rows; y++) {
        float *in_map = corner + y * map->strides[1], *in_planes = planes + y * width;
        if (to_map)
            copy_row(in_planes, 1, image->plane, 1, in_map, map->strides[2], map->strides[4], width, channels);
        else
            copy_row(in_map, map->strides[2], map->strides[4], 1, in_planes, 1, image->plane, width, channels);
    }
}

/* Rows of the margins become copies of rows inside, or are added to them. */
static void copy_margins(const Image *image, int64_t copies, int64_t length, float *strip, int add)
{
    const Pairwise *job = image->mapping->job;
    int64_t height = job->height, margin = job->kernel_size - 1, radius = margin / 2;
    for (int64_t y = 0; y < height + margin; y++) {
        y = y == radius ? radius + height : y;
        if (y == height + margin)
            break;
        for (int64_t dx = 0; dx < copies; dx++) {
            float *row = strip + dx * image->strip + y * image->pitch;
            float *other = strip + dx * image->strip + (radius + image->rows[y]) * image->pitch;
            for (int64_t x = 0; x < length; x++) {
                if (add)
                    other[x] += row[x];
                else
                    row[x] = other[x];
            }
        }
    }
}

/* Lays a plane of short rows out: each column offset is the plane shifted by it, and at a row's ends reflected. */
static void make_shifted(const Image *image, const float *plane, float scale, float shift, float *inside)
{
    const Pairwise *job = image->mapping->job;
    int64_t width = job->width, radius = job->kernel_size / 2;
    for (int64_t dx = 0; dx < job->kernel_size; dx++) {
        float *to = inside + dx * image->strip;
        const float *from = plane + dx - radius;
        for (int64_t i = 0; i < image->pixels; i += LANES)
            store(to + i, load(from + i) * scale + shift);
    }
    for (int64_t y = 0; y < job->height; y++, plane += width, inside += width)
        for (int64_t place = 0; place < 2 * radius; place++) {
            int64_t padded = place < radius ? place : width + place; /* of the padded row: x + dx */
            float number = plane[image->cols[padded]] * scale + shift;
            for (int64_t dx = most(0, padded - width + 1); dx <= least(padded, 2 * radius); dx++)
                inside[dx * image->strip + padded - dx] = number;
        }
}

/* The reverse. */
static void add_shifted(const Image *image, const float *inside, float *plane)
{
    const Pairwise *job = image->mapping->job;
    int64_t width = job->width, radius = job->kernel_size / 2;
    for (int64_t i = 0; i < image->pixels; i += LANES) {
        Vector sum = load(plane + i);
        for (int64_t dx = 0; dx < job->kernel_size; dx++)
            sum += where(load_integers(image->unreflected + dx * image->plane + i),
                         load(inside + dx * image->strip + i + radius - dx));
        store(plane + i, sum);
    }
    for (int64_t y = 0; y < job->height; y++, plane += width, inside += width)
        for (int64_t place = 0; place < 2 * radius; place++) {
            int64_t padded = place < radius ? place : width + place;
            float sum = 0;
            for (int64_t dx = most(0, padded - width + 1); dx <= least(padded, 2 * radius); dx++)
                sum += inside[dx * image->strip + padded - dx];
            plane[image->cols[padded]] += sum;
        }
}

/* Lays a plane, times `scale` and plus `shift`, out as windows see it. */
static void make_strip(const Image *image, const float *plane, float scale, float shift, float *to)
{
    const Pairwise *job = image->mapping->job;
    int64_t width = job->width, margin = job->kernel_size - 1, radius = margin / 2;
    float *inside = to + radius * image->pitch;
    if (image->strip > 1) {
        make_shifted(image, plane, scale, shift, inside);
        copy_margins(image, job->kernel_size, width, to, 0);
        return;
    }
    for (int64_t y = 0; y < job->height; y++, inside += image->pitch, plane += width) {
        for (int64_t x = 0; x < radius; x++) {
            inside[x] = plane[image->cols[x]] * scale + shift;
            inside[radius + width + x] = plane[image->cols[radius + width + x]] * scale + shift;
        }
        for (int64_t x = 0; x < width; x++)
            inside[radius + x] = plane[x] * scale + shift;
    }
    copy_margins(image, 1, width + margin, to, 0);
}

/* The reverse: adds up all that windows put at each pixel. Overwrites `strip`. */
static void add_strip(const Image *image, float *strip, float *plane)
{
    const Pairwise *job = image->mapping->job;
    int64_t width = job->width, margin = job->kernel_size - 1, radius = margin / 2;
    const float *inside = strip + radius * image->pitch;
    if (image->strip > 1) {
        copy_margins(image, job->kernel_size, width, strip, 1);
        add_shifted(image, inside, plane);
        return;
    }
    copy_margins(image, 1, width + margin, strip, 1);
    for (int64_t y = 0; y < job->height; y++, inside += image->pitch, plane += width) {
        for (int64_t x = 0; x < radius; x++) {
            plane[image->cols[x]] += inside[x];
            plane[image->cols[radius + width + x]] += inside[radius + width + x];
        }
        for (int64_t x = 0; x < width; x++)
            plane[x] += inside[radius + x];
    }
}

/* Copies the values to strips, through the planes of the output. */
static void read_values(const Image *image)
{
    const Pairwise *job = image->mapping->job;
    copy_planes(image, &job->value, 0, job->values, image->out, 0);
    for (int64_t c = 0; c < job->values; c++)
        make_strip(image, image->out + c * image->plane, 1, 0, image->value + c * image->strips);
}

/* The block of pixel x of line y. */
static Block block_at(const Image *image, int64_t y, int64_t x)
{
    int64_t start = x + LANES <= image->line ? x : most(image->line - LANES, 0);
    Block block = {y * image->line + start, y * image->pitch + start, x + LANES <= image->line, {0}};
    for (int64_t i = 0; i < LANES; i++)
        block.keep[i] = -(start + i >= x && start + i < image->line);
    return block;
}

#endif
