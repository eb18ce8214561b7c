/* One head of one image: its memory, its inputs, and the logits of its queries. */
#ifndef SASA_NAS_HEAD_H
#define SASA_NAS_HEAD_H

#include "maps.h"
#include "scratch.h"

typedef struct {
    int64_t batch, height, width, heads, key_dim, value_dim, kernel_size;
    int64_t zeros;   /* padding: 1 for `zeros`, 0 for `mask` */
    int64_t threads; /* at most */
    double scale;
    Map query, key, value, rel_rows, rel_cols, out, lse;
    Map grad_out, grad_query, grad_key, grad_value, grad_rel_rows, grad_rel_cols;
} Attention;

/* One head of one image and the memory to work on it. */
typedef struct {
    const Attention *job;
    Window window;
    int64_t pixels, halo;                    /* places of the map, rounded up; the margin of its planes */
    int64_t offsets, sides;                  /* of the window: rows * cols and rows + cols */
    int64_t content;                         /* channels of the key: none where there is no key */
    int64_t band, band_step;                 /* queries between two moves of the band; floats of it an offset */
    float *query, *key, *value, *out, *lse;  /* planes */
    float *grad_out, *grad_query, *grad_key, *grad_value;
    float *side_sums;                        /* planes: ds summed over the window's columns, and over its rows */
    float *table;                            /* rel_rows beside rel_cols: (key_dim, sides) */
    int32_t *ys, *xs;                        /* of every place, far away where it is no pixel */
    Vector *weights, *products, *side_logits; /* of LANES queries: p, dp and then ds, q.r */
    Integers *inside;                        /* of LANES queries: whether each row and column of the window is */
    float *band_weights, *band_products;     /* p and ds at the places of the keys: (offsets, band_step) */
} Head;

#define FAR (-(1 << 28)) /* row and column of no pixel: outside the map by any offset */

/* Sides of the window. Offsets that leave the map from wherever they start are never in the softmax of `mask`. */
static int64_t window_rows(const Attention *job)
{
    return job->zeros ? job->kernel_size : least(job->kernel_size, 2 * job->height - 1);
}

static int64_t window_cols(const Attention *job)
{
    return job->zeros ? job->kernel_size : least(job->kernel_size, 2 * job->width - 1);
}

/* Sizes of a head whose rows lie `pitch` apart, and places for all it needs from `base` on.
   Returns how many floats they take. */
static int64_t lay_out(Head *head, const Attention *job, int64_t pitch, int backward, float *base)
{
    int64_t rows = window_rows(job), cols = window_cols(job);
    int64_t pixels = round_up(job->height * pitch), halo = round_up(rows / 2 * pitch + cols / 2);
    Scratch scratch = {base, 0};
    *head = (Head){.job = job, .pixels = pixels, .halo = halo, .offsets = rows * cols, .sides = rows + cols};
    head->window = (Window){pitch, odd_lines(pixels + 2 * halo), rows, cols, rows / 2, cols / 2};
    int64_t plane = head->window.plane;
    head->content = job->key.data ? job->key_dim : 0;
    head->query = take(&scratch, job->key_dim * plane, halo);
    head->key = take(&scratch, head->content * plane, halo);
    head->value = take(&scratch, job->value_dim * plane, halo);
    head->lse = take(&scratch, plane, halo);
    head->table = take(&scratch, job->key_dim * head->sides, 0);
    head->ys = (int32_t *)take(&scratch, pixels, 0);
    head->xs = (int32_t *)take(&scratch, pixels, 0);
    head->weights = (Vector *)take(&scratch, head->offsets * LANES, 0);
    head->side_logits = (Vector *)take(&scratch, head->sides * LANES, 0);
    head->inside = (Integers *)take(&scratch, head->sides * LANES, 0);
    if (!backward) {
        head->out = take(&scratch, job->value_dim * plane, halo);
        return scratch.used;
    }
    head->grad_out = take(&scratch, job->value_dim * plane, halo);
    head->grad_query = take(&scratch, job->key_dim * plane, halo);
    head->grad_key = take(&scratch, head->content * plane, halo);
    head->grad_value = take(&scratch, job->value_dim * plane, halo);
    head->side_sums = take(&scratch, head->sides * plane, halo);
    head->products = (Vector *)take(&scratch, head->offsets * LANES, 0);
    int64_t cached = (1 << 17) / head->offsets / LANES * LANES; /* half a megabyte each for p and ds */
    head->band = least(most(cached - 2 * halo, most(2 * halo, LANES)), pixels);
    head->band_step = odd_lines(head->band + 2 * halo);
    head->band_weights = take(&scratch, head->offsets * head->band_step, 0);
    head->band_products = take(&scratch, head->offsets * head->band_step, 0);
    return scratch.used;
}

/* Notes the row and column of every place, and copies the tables. */
static void read_places_and_tables(const Head *head, int64_t index)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    for (int64_t i = 0; i < head->pixels; i++) {
        int64_t y = i / window->pitch, x = i % window->pitch;
        int real = y < job->height && x < job->width;
        head->ys[i] = real ? (int32_t)y : FAR;
        head->xs[i] = real ? (int32_t)x : FAR;
    }
    if (!job->rel_rows.data)
        return;
    const float *rows = at(&job->rel_rows, 0, index), *cols = at(&job->rel_cols, 0, index);
    int64_t row_skip = (job->kernel_size - window->rows) / 2, col_skip = (job->kernel_size - window->cols) / 2;
    for (int64_t c = 0; c < job->key_dim; c++) {
        float *to = head->table + c * head->sides;
        for (int64_t r = 0; r < window->rows; r++)
            to[r] = rows[(row_skip + r) * job->rel_rows.strides[1] + c * job->rel_rows.strides[4]];
        for (int64_t s = 0; s < window->cols; s++)
            to[window->rows + s] = cols[(col_skip + s) * job->rel_cols.strides[1] + c * job->rel_cols.strides[4]];
    }
}

/* Copies the inputs. Returns whether they are tame. */
static int read_head(const Head *head, int64_t batch, int64_t index, int backward)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    int64_t height = job->height, width = job->width, plane = window->plane, halo = head->halo;
    read_map(&job->query, batch, index, height, width, job->key_dim, job->scale, window, head->query);
    read_map(&job->key, batch, index, height, width, head->content, 1, window, head->key);
    read_map(&job->value, batch, index, height, width, job->value_dim, 1, window, head->value);
    int tame = are_tame(head->query, job->key_dim * plane - halo) && are_tame(head->key, head->content * plane - halo) &&
               are_tame(head->value, job->value_dim * plane - halo);
    if (backward) {
        read_map(&job->grad_out, batch, index, height, width, job->value_dim, 1, window, head->grad_out);
        read_map(&job->lse, batch, index, height, width, 1, 1, window, head->lse);
        tame = tame && are_tame(head->grad_out, job->value_dim * plane - halo);
    }
    return tame;
}

/* Makes `head` from a task's inputs. Returns whether sums must leave out what is beyond the map, be it numbers or not.

   In planes without gaps between the rows, offsets beyond a row's end fall on other pixels. A weight of zero
   undoes that for numbers, not for infinities and NaN: then the rows are laid out again with a gap of zeros between them. */
static int open_head(Head *head, const Attention *job, int64_t task, int backward, float *scratch)
{
    int64_t batch = task / job->heads, index = task % job->heads;
    int64_t floats = lay_out(head, job, job->width, backward, scratch);
    int tame = read_head(head, batch, index, backward);
    if (!tame) {
        memset(scratch, 0, floats * sizeof(float));
        lay_out(head, job, job->width + head->window.col_radius, backward, scratch);
        read_head(head, batch, index, backward);
    }
    read_places_and_tables(head, index);
    return job->zeros || !tame;
}

/* Leaves the scratch as the next task expects it: zeros at all places that are no pixels. */
static void close_head(const Head *head, int backward, float *scratch)
{
    Head other;
    if (head->window.pitch != head->job->width)
        memset(scratch, 0, lay_out(&other, head->job, head->window.pitch, backward, NULL) * sizeof(float));
}

typedef struct {
    int64_t first, last;
} Rows;

/* The rows of the window that show some of the map to the LANES queries from place i on. */
static Rows rows_seen(const Head *head, int64_t i)
{
    int64_t radius = head->window.row_radius, height = head->job->height;
    int64_t top = i / head->window.pitch, bottom = least((i + LANES - 1) / head->window.pitch, height - 1);
    return (Rows){most(0, radius - bottom), least(head->window.rows, height - top + radius)};
}

/* The rows of the window in which some of the map sees the LANES keys from place j on. */
static Rows rows_seeing(const Head *head, int64_t j)
{
    int64_t radius = head->window.row_radius, height = head->job->height;
    int64_t top = j / head->window.pitch, bottom = least((j + LANES - 1) / head->window.pitch, height - 1);
    return (Rows){most(0, top + radius - height + 1), least(head->window.rows, bottom + radius + 1)};
}

/* q.r of every row and column of the window for the LANES queries from place i on, -inf where `mask` hides it;
   and whether it is inside the map. */
static void read_sides(const Head *head, int64_t i)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    table_dots(window, head->query + i, head->table, head->sides, job->rel_rows.data ? job->key_dim : 0,
               head->side_logits);
    Integers ys = load_integers(head->ys + i), xs = load_integers(head->xs + i);
    for (int64_t side = 0; side < head->sides; side++) {
        int is_row = side < window->rows;
        Integers place = is_row ? ys + (int32_t)(side - window->row_radius)
                                : xs + (int32_t)(side - window->rows - window->col_radius);
        Integers inside = (place >= 0) & (place < (int32_t)(is_row ? job->height : job->width));
        head->inside[side] = inside;
        if (!job->zeros)
            head->side_logits[side] = choose(inside, head->side_logits[side], splat(-INFINITY));
    }
}

/* The logits of LANES queries for one offset; their content terms lie where the weights will. */
INLINE Vector logit(const Head *head, int64_t row, int64_t col, int careful)
{
    const Vector *rows = head->side_logits, *cols = rows + head->window.rows;
    Vector content = head->weights[row * head->window.cols + col];
    if (careful)
        content = where(head->inside[row] & head->inside[head->window.rows + col], content);
    return content + (rows[row] + cols[col]);
}

#endif
