/* The gradients of a head, and of the tables from all heads. */
#ifndef SASA_NAS_BACKWARD_H
#define SASA_NAS_BACKWARD_H

#include "head.h"

/* p and ds of the LANES queries from place i on, dq, and p and ds put down for the keys; the band begins at `start`. */
INLINE void backward_block(const Head *head, int64_t i, int64_t start, int careful)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    Rows seen = rows_seen(head, i), weighed = job->zeros ? (Rows){0, window->rows} : seen;
    int64_t first_key = i - start - window->row_radius * window->pitch - window->col_radius;
    float *weights_at = head->band_weights + first_key, *products_at = head->band_products + first_key;
    read_sides(head, i);
    window_dots(window, seen.first, seen.last, head->query + i, head->key + i, head->content, head->weights);
    window_dots(window, seen.first, seen.last, head->grad_out + i, head->value + i, job->value_dim, head->products);
    Vector lse = load(head->lse + i), mean = {0};
    for (int64_t row = weighed.first; row < weighed.last; row++) {
        Vector row_mean = {0};
        for (int64_t col = 0; col < window->cols; col++) {
            int64_t offset = row * window->cols + col;
            Integers inside = head->inside[row] & head->inside[window->rows + col];
            Vector weight = exponential(logit(head, row, col, careful) - lse);
            if (careful)
                head->products[offset] = where(inside, head->products[offset]);
            row_mean += weight * head->products[offset];
            head->weights[offset] = weight;
            store(weights_at + offset * head->band_step + row * window->pitch + col,
                  careful ? where(inside, weight) : weight);
        }
        mean += row_mean;
    }
    Vector *sides = head->side_logits;
    for (int64_t side = 0; side < head->sides; side++)
        sides[side] = (Vector){0};
    for (int64_t row = 0; row < window->rows; row++)
        for (int64_t col = 0; col < window->cols; col++) {
            int64_t offset = row * window->cols + col, place = offset * head->band_step + row * window->pitch + col;
            if (row < weighed.first || row >= weighed.last) {
                store(weights_at + place, (Vector){0});
                store(products_at + place, (Vector){0});
                continue;
            }
            Vector product = head->weights[offset] * (head->products[offset] - mean);
            sides[row] += product;
            sides[window->rows + col] += product;
            if (careful)
                product = where(head->inside[row] & head->inside[window->rows + col], product);
            head->products[offset] = product;
            store(products_at + place, product);
        }
    for (int64_t side = 0; side < head->sides; side++)
        store(head->side_sums + side * window->plane + i, sides[side]);
    for (int64_t c = 0; c < job->key_dim; c++) {
        Vector sum = {0};
        for (int64_t side = 0; side < head->sides && job->rel_rows.data; side++)
            sum += sides[side] * head->table[c * head->sides + side];
        store(head->grad_query + c * window->plane + i, sum);
    }
    window_sums(window, seen.first, seen.last, (float *)head->products, LANES, 1, head->key + i, head->content,
                head->grad_query + i);
}

/* dk and dv of the LANES keys from place j on. */
static void gather_block(const Head *head, int64_t j, int64_t start)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    Rows seeing = rows_seeing(head, j);
    for (int64_t c = 0; c < head->content; c++)
        store(head->grad_key + c * window->plane + j, (Vector){0});
    for (int64_t c = 0; c < job->value_dim; c++)
        store(head->grad_value + c * window->plane + j, (Vector){0});
    window_sums(window, seeing.first, seeing.last, head->band_products + j - start, head->band_step, -1,
                head->query + j, head->content, head->grad_key + j);
    window_sums(window, seeing.first, seeing.last, head->band_weights + j - start, head->band_step, -1,
                head->grad_out + j, job->value_dim, head->grad_value + j);
}

/* Moves the last floats of a band, those of keys not done yet, to its beginning. */
static void move_band(float *band, int64_t distance, int64_t kept)
{
    memmove(band, band + distance, kept * sizeof(float));
    memset(band + kept, 0, distance * sizeof(float));
}

/* The whole backward pass of one head but for the tables: query by query, the keys following when they are done.

   Places of the band whose queries are before or after the map are not written. Numbers that the last head left there
   weigh the zeros of a margin; infinities and NaN it does not leave (close_head). */
static void backward_head(const Head *head, int careful)
{
    int64_t start = -head->halo, gathered = 0, kept = 2 * head->halo;
    for (int64_t i = 0; i < head->pixels; i += head->band) {
        int64_t end = least(i + head->band, head->pixels);
        for (int64_t block = i; block < end; block += LANES) {
            if (careful)
                backward_block(head, block, start, 1);
            else
                backward_block(head, block, start, 0);
        }
        int64_t done = end == head->pixels ? end : end - head->halo;
        for (; gathered < done; gathered += LANES)
            gather_block(head, gathered, start);
        for (int64_t offset = 0; offset < head->offsets && end < head->pixels; offset++) {
            move_band(head->band_weights + offset * head->band_step, head->band, kept);
            move_band(head->band_products + offset * head->band_step, head->band, kept);
        }
        start += head->band;
    }
}

INLINE void side_products_of(int count, const Head *head, const float *query, const float *sums, float *to)
{
    Vector dots[MOST_SUMS] = {{0}};
    for (int64_t i = 0; i < head->pixels; i += LANES) {
        Vector factor = load(query + i);
        UNROLL
        for (int j = 0; j < count; j++)
            dots[j] += factor * load(sums + j * head->window.plane + i);
    }
    UNROLL
    for (int j = 0; j < count; j++)
        to[j] = total(dots[j]);
}

/* The gradients of the tables from one head: (key_dim, sides). */
static void table_gradients(const Head *head, float *to)
{
    for (int64_t c = 0; c < head->job->key_dim; c++)
        for (int64_t side = 0, count; side < head->sides; side += count) {
            count = turn(head->sides - side);
            WITH_CONSTANT(count, side_products_of, head, head->query + c * head->window.plane,
                          head->side_sums + side * head->window.plane, to + c * head->sides + side)
        }
}

typedef struct {
    Attention job;
    float *table_gradients; /* of every task: (batch * heads, key_dim, sides) */
    int64_t sides;
} Backward;

static void backward_task(const void *shared, int64_t task, float *scratch)
{
    const Backward *all = shared;
    const Attention *job = &all->job;
    Head head;
    int careful = open_head(&head, job, task, 1, scratch);
    backward_head(&head, careful);
    int64_t batch = task / job->heads, index = task % job->heads, height = job->height, width = job->width;
    const Window *window = &head.window;
    write_map(&job->grad_query, batch, index, height, width, job->key_dim, job->scale, window, head.grad_query);
    write_map(&job->grad_key, batch, index, height, width, head.content, 1, window, head.grad_key);
    write_map(&job->grad_value, batch, index, height, width, job->value_dim, 1, window, head.grad_value);
    if (job->rel_rows.data)
        table_gradients(&head, all->table_gradients + task * job->key_dim * head.sides);
    close_head(&head, 1, scratch);
}

/* Adds one head's gradients of a table to the table's. */
static void add_table(const Map *to, int64_t index, const float *from, int64_t sides, int64_t skip, int64_t count,
                      int64_t channels)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t j = 0; j < count; j++)
            at(to, 0, index)[(skip + j) * to->strides[1] + c * to->strides[4]] += from[c * sides + j];
}

#endif
