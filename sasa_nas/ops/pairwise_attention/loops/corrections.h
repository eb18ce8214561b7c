/* What the gradient gains where statistics are the batch's own.

   The gradient of the hidden layer h then is less by a + b h, with numbers of its channels that the sums of all pairs
   tell. Through the first layer that is the matrix `quadratic` times y, and `constant`, where y is positive. The
   gradient of the relation is less by a + b r, which needs no pairs: sums over windows of the maps do. */
#ifndef SASA_NAS_CORRECTIONS_H
#define SASA_NAS_CORRECTIONS_H

#include "backward.h"

/* Adds what the statistics of the hidden layer do; and sums of y and of its products with itself. */
static void hidden_correction_task(const void *shared, int64_t task, float *scratch)
{
    const Mapping *mapping = shared;
    const Pairwise *job = mapping->job;
    Partial partial = partial_of(mapping, task);
    Image image;
    open_image(&image, mapping, RELATIONS | CORRECTION, task, scratch);
    read_relation(&image, mapping->scale, mapping->shift);
    copy_planes(&image, &job->grad_query, 0, job->channels, image.grad_query, 0);
    memset(image.grad_key, 0, job->channels * image.strips * sizeof(float));
    int64_t step = image.step, area = image.area, related = mapping->related;
    Matrix quadratic = {mapping->quadratic, related, 1};
    Vector relation_sums[related], active_sums[related];
    memset(relation_sums, 0, sizeof relation_sums);
    memset(active_sums, 0, sizeof active_sums);
    for (int64_t y = 0; y < image.lines; y++)
        for (int64_t x = 0; x < image.line; x += LANES) {
            Block block = block_at(&image, y, x);
            fetch(&image.ahead);
            float *active = image.related, *gradient = image.gradient;
            relate(1, &image, &block, mapping->scale, mapping->shift);
            for (int64_t i = 0; i < related * step && !block.whole; i += LANES)
                store(active + i, where(block.keep, load(active + i))); /* what is zero has no gradient */
            add_row_sums(&image, active, related, active_sums);
            add_own_products(related, area, active, step, partial.squares, related);
            multiply_planes_gated(related, related, area, quadratic, mapping->constant, active, step, gradient, step,
                                  active);
            image.related = gradient;
            spread_relation(&image, &block, job->channels, relation_sums);
            image.related = active;
        }
    write_spread(&image, 1, partial.products);
    for (int64_t r = 0; r < related; r++) {
        partial.relation[r] += total(relation_sums[r]);
        partial.active[r] += total(active_sums[r]);
    }
}

/* to[x] = sum_y from[rows[y], x] for `count` rows of a plane, the first ones where `rows` is NULL; or that is added.
   What is written beyond the row is of no use. */
INLINE void sum_rows(const float *from, const int32_t *rows, int64_t count, int64_t width, int add, float *to)
{
    for (int64_t x = 0; x < width; x += LANES) {
        Vector sum = add ? load(to + x) : (Vector){0};
        for (int64_t y = 0; y < count; y++)
            sum += load(from + (rows ? rows[y] : y) * width + x);
        store(to + x, sum);
    }
}

/* Sums over the windows' columns: a row for each of the map's. Turned round, the rows of the margins are summed up like
   the others and added to those that they show. */
static void sum_columns(const Image *image, const float *from, int turned)
{
    int64_t height = image->mapping->job->height, width = image->mapping->job->width;
    int64_t side = image->mapping->job->kernel_size, radius = side / 2;
    for (int64_t y = 0; y < height; y++) {
        float *to = image->between + y * image->spaced + side;
        int64_t first = most(0, y - radius), last = least(height, y + radius + 1);
        if (turned)
            sum_rows(from + first * width, NULL, last - first, width, 0, to);
        else
            sum_rows(from, image->rows + y, side, width, 0, to);
    }
    for (int64_t i = 0; i < 2 * radius && turned; i++) {
        int64_t y = i < radius ? i - radius : height + i - radius;
        int64_t first = most(0, y - radius), last = least(height, y + radius + 1);
        sum_rows(from + first * width, NULL, last - first, width, 1,
                 image->between + image->rows[y + radius] * image->spaced + side);
    }
}

/* to[i] = sum_j from[j] over the window of i; or, turned round, over the pixels whose windows show i. */
static void window_sum(const Image *image, const float *from, int turned, float *to)
{
    const Pairwise *job = image->mapping->job;
    int64_t height = job->height, width = job->width, side = job->kernel_size, radius = side / 2;
    const int32_t *cols = image->cols, *after = cols + radius + width;
    sum_columns(image, from, turned);
    float *row = image->between + side;
    for (int64_t y = 0; y < height; y++, row += image->spaced)
        for (int64_t x = 0; x < radius; x++)
            row[x - radius] = turned ? 0 : row[cols[x]], row[width + x] = turned ? 0 : row[after[x]];
    row = image->between + side;
    for (int64_t y = 0; y < height; y++, row += image->spaced, to += width) {
        for (int64_t x = 0; x < width; x += LANES) {
            Vector sum = {0};
            for (int64_t dx = 0; dx < side; dx++)
                sum += load(row + x + dx - radius);
            store(to + x, sum); /* what is beyond the row's end is the next one's, or slack */
        }
        for (int64_t i = 0; i < radius && turned; i++) {
            for (int64_t x = 0; x < least(width, i + 1); x++)
                to[cols[i]] += row[x];
            for (int64_t x = most(0, width + i - radius); x < width; x++)
                to[after[i]] += row[x];
        }
    }
}

/* Multiplies the spread gradients of query and key, and takes from them what the statistics of the relation do:
   gradient = scale * (spread - (constant + slope * relation) summed over the window). */
static void finish_relation_task(const void *shared, int64_t task, float *scratch)
{
    const Mapping *mapping = shared;
    const Pairwise *job = mapping->job;
    Image image;
    open_image(&image, mapping, PLANES, task, scratch);
    int64_t plane = image.plane, pixels = image.pixels, kind = job->kind;
    float *query = image.query, *key = image.spare, *to_query = image.grad_query, *to_key = image.keys;
    float *of_key = image.sums, *of_query = image.sums + plane, *counts = image.sums + 2 * plane;
    float *square_of_key = image.sums + 3 * plane, *square_of_query = image.sums + 4 * plane;
    float *squares = image.sums + 5 * plane;
    copy_planes(&image, &job->query, 0, job->channels, query, 0);
    copy_planes(&image, &job->key, 0, job->channels, key, 0);
    copy_planes(&image, &job->grad_query, 0, job->channels, to_query, 0);
    copy_planes(&image, &job->grad_key, 0, job->channels, to_key, 0);
    float area = (float)image.area;
    for (int64_t i = 0; i < pixels; i++)
        squares[i] = 1;
    window_sum(&image, squares, 1, counts);
    for (int64_t c = 0; c < job->channels; c++, query += plane, key += plane, to_query += plane, to_key += plane) {
        fetch(&image.ahead);
        int place = c >= mapping->compared;
        int64_t r = place ? mapping->related - job->channels + c : kind == DOT ? 0 : c;
        float scale = mapping->scale[r], constant = mapping->lost[r], slope = mapping->slope[r];
        int own = job->own[0] && (place || kind != DOT); /* that of scalar products is done pair by pair */
        if (own && (place || kind == SUM || kind == SUBTRACTION || kind == HADAMARD)) {
            window_sum(&image, key, 0, of_key);
            window_sum(&image, query, 1, of_query);
        }
        if (place || kind == SUM || kind == SUBTRACTION) {
            float sign = !place && kind == SUM ? 1 : -1;
            for (int64_t i = 0; i < pixels; i++) {
                float lost = own ? area * (constant + slope * query[i]) + slope * sign * of_key[i] : 0;
                float key_lost = own ? counts[i] * (constant + slope * sign * key[i]) + slope * of_query[i] : 0;
                to_query[i] = scale * (to_query[i] - lost);
                to_key[i] = sign * scale * (to_key[i] - key_lost);
            }
        } else if (kind == CONCATENATION) {
            int64_t s = mapping->compared + c;
            for (int64_t i = 0; i < pixels; i++) {
                float lost = own ? area * (constant + slope * query[i]) : 0;
                float key_lost = own ? counts[i] * (mapping->lost[s] + mapping->slope[s] * key[i]) : 0;
                to_query[i] = scale * (to_query[i] - lost);
                to_key[i] = mapping->scale[s] * (to_key[i] - key_lost);
            }
        } else if (kind == HADAMARD) {
            for (int64_t i = 0; i < pixels && own; i++)
                squares[i] = key[i] * key[i];
            if (own)
                window_sum(&image, squares, 0, square_of_key);
            for (int64_t i = 0; i < pixels && own; i++)
                squares[i] = query[i] * query[i];
            if (own)
                window_sum(&image, squares, 1, square_of_query);
            for (int64_t i = 0; i < pixels; i++) {
                float lost = own ? constant * of_key[i] + slope * query[i] * square_of_key[i] : 0;
                float key_lost = own ? constant * of_query[i] + slope * key[i] * square_of_query[i] : 0;
                to_query[i] = scale * (to_query[i] - lost);
                to_key[i] = to_key[i] - scale * key_lost; /* it was spread with the query as it is scaled */
            }
        } else {
            for (int64_t i = 0; i < pixels; i++) {
                to_query[i] *= scale;
                to_key[i] *= scale;
            }
        }
    }
    copy_planes(&image, &job->grad_query, 0, job->channels, image.grad_query, 1);
    copy_planes(&image, &job->grad_key, 0, job->channels, image.keys, 1);
}

/* Spreads what the statistics of scalar products take from the gradient, before that is multiplied. */
static void dot_correction_task(const void *shared, int64_t task, float *scratch)
{
    const Mapping *mapping = shared;
    const Pairwise *job = mapping->job;
    Image image;
    open_image(&image, mapping, RELATIONS | CORRECTION, task, scratch);
    read_relation(&image, mapping->scale, mapping->shift);
    copy_planes(&image, &job->grad_query, 0, job->channels, image.grad_query, 0);
    memset(image.grad_key, 0, job->channels * image.strips * sizeof(float));
    Vector sums[mapping->related];
    memset(sums, 0, sizeof sums);
    for (int64_t y = 0; y < image.lines; y++)
        for (int64_t x = 0; x < image.line; x += LANES) {
            Block block = block_at(&image, y, x);
            fetch(&image.ahead);
            relate_dot(0, &image, &block, -mapping->slope[0], -mapping->lost[0], image.related);
            for (int64_t i = 0; i < image.step && !block.whole; i += LANES)
                store(image.related + i, where(block.keep, load(image.related + i)));
            spread_relation(&image, &block, mapping->compared, sums);
        }
    double unused[mapping->related];
    write_spread(&image, 1, unused);
}

#endif
