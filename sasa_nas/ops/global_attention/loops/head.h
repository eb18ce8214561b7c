/* One head of one image: its memory and its inputs. */
#ifndef SASA_NAS_HEAD_H
#define SASA_NAS_HEAD_H

#include "tables.h"

#define KEYS 4   /* neighbouring keys of a row that are looked at together */
#define BLOCKS 2 /* blocks of LANES queries that share what is read of the keys */

#define LN_2 0x1.62e42fefa39efp-1 /* the natural logarithm of 2 */

/* One head of one image and the memory to work on it. Planes are those of windows.h, without gaps between rows. */
typedef struct {
    const Attention *job;
    const Tables *tables;
    Window window;                          /* how places of a plane relate */
    int64_t pixels;                         /* of the map, rounded up to whole blocks */
    float *query, *key, *value, *out, *lse; /* planes; logits are to be powers of two: queries and lse are scaled */
    float *row_logits, *col_logits;         /* planes: q.r of every row of keys, and of every column */
    /* the rest is for the backward pass */
    float *grad_out, *grad_query, *grad_key, *grad_value; /* planes */
    float *delta;                                         /* a plane: sum_j p_ij dp_ij, which is g_i . o_i */
    float *row_sums, *col_sums;                           /* planes: ds of every row of keys, and of every column */
    float *row_gradients, *col_gradients;                 /* of the tables, laid out as they are */
    int64_t chunk_rows;                                   /* rows of keys that all queries go over before the next */
    Vector *key_sums, *value_sums; /* dk and dv of a chunk, channel by channel, each lane with a sum of its own */
} Head;

#define CHUNK_FLOATS (1 << 13) /* of key_sums and value_sums, which are to stay in the fastest cache */

/* Sizes of a head, and places for all it needs from `base` on. Returns how many floats they take. */
static int64_t lay_out(Head *head, const Attention *job, const Tables *tables, int backward, float *base)
{
    int64_t pixels = round_up(job->height * job->width), plane = odd_lines(pixels), width = job->width;
    Scratch scratch = {base, 0};
    *head = (Head){.job = job, .tables = tables, .window = {.pitch = width, .plane = plane}, .pixels = pixels};
    head->query = take(&scratch, job->key_dim * plane, 0);
    head->key = take(&scratch, job->key_dim * plane, 0);
    head->value = take(&scratch, job->value_dim * plane, 0);
    head->out = take(&scratch, job->value_dim * plane, 0);
    head->lse = take(&scratch, plane, 0);
    head->row_logits = take(&scratch, job->height * plane, 0);
    head->col_logits = take(&scratch, width * plane, 0);
    if (!backward)
        return scratch.used;
    head->grad_out = take(&scratch, job->value_dim * plane, 0);
    head->grad_query = take(&scratch, job->key_dim * plane, 0);
    head->grad_key = take(&scratch, job->key_dim * plane, 0);
    head->grad_value = take(&scratch, job->value_dim * plane, 0);
    head->delta = take(&scratch, plane, 0);
    head->row_gradients = take(&scratch, job->key_dim * tables->row_plane, 0);
    head->col_gradients = take(&scratch, job->key_dim * tables->col_plane, 0);
    head->row_sums = take(&scratch, job->height * plane, 0);
    head->col_sums = take(&scratch, width * plane, 0);
    int64_t floats = width * (job->key_dim + job->value_dim) * LANES;
    head->chunk_rows = least(most(CHUNK_FLOATS / floats, 1), job->height);
    head->key_sums = (Vector *)take(&scratch, round_up(head->chunk_rows * width) * job->key_dim * LANES, 0);
    head->value_sums = (Vector *)take(&scratch, round_up(head->chunk_rows * width) * job->value_dim * LANES, 0);
    return scratch.used;
}

/* q.r of `count` rows or columns of keys for the queries from place i on; `step` floats of the table between them. */
INLINE void axis_logits_of(int count, const Head *head, int64_t i, const float *table, int64_t table_plane,
                           int64_t step, float *to)
{
    int64_t plane = head->window.plane;
    Vector sums[MOST_SUMS] = {{0}};
    for (int64_t c = 0; c < head->tables->channels; c++, table += table_plane) {
        Vector factor = load(head->query + c * plane + i);
        UNROLL
        for (int k = 0; k < count; k++)
            sums[k] += factor * load(table + k * step);
    }
    UNROLL
    for (int k = 0; k < count; k++)
        store(to + k * plane + i, sums[k]);
}

/* The relative logits of all queries, q.r of every row of keys and of every column. */
static void read_relative_logits(const Head *head)
{
    const Attention *job = head->job;
    const Tables *tables = head->tables;
    int64_t width = job->width, plane = head->window.plane;
    for (int64_t i = 0; i < head->pixels; i += LANES) {
        for (int64_t y = 0, count; y < job->height; y += count) {
            count = turn(job->height - y);
            WITH_CONSTANT(count, axis_logits_of, head, i, tables->rows + row_place(job, y, i), tables->row_plane,
                          -width, head->row_logits + y * plane)
        }
        for (int64_t x = 0, count; x < width; x += count) {
            count = turn(width - x);
            WITH_CONSTANT(count, axis_logits_of, head, i, tables->cols + x * tables->col_step + i % width,
                          tables->col_plane, tables->col_step, head->col_logits + x * plane)
        }
    }
}

/* Makes `head` from a task's inputs. */
static void open_head(Head *head, const Attention *job, const Tables *tables, int64_t task, int backward,
                      float *scratch)
{
    int64_t batch = task / job->heads, index = task % job->heads, height = job->height, width = job->width;
    lay_out(head, job, tables, backward, scratch);
    const Window *window = &head->window;
    read_map(&job->query, batch, index, height, width, job->key_dim, job->scale / LN_2, window, head->query);
    read_map(&job->key, batch, index, height, width, job->key_dim, 1, window, head->key);
    read_map(&job->value, batch, index, height, width, job->value_dim, 1, window, head->value);
    read_relative_logits(head);
    if (!backward)
        return;
    read_map(&job->out, batch, index, height, width, job->value_dim, 1, window, head->out);
    read_map(&job->grad_out, batch, index, height, width, job->value_dim, 1, window, head->grad_out);
    read_map(&job->lse, batch, index, height, width, 1, 1 / LN_2, window, head->lse);
}

/* The logits of a group's queries for `keys` keys from (y, x) on; `row` is what is added to all of them. */
INLINE void read_logits(int blocks, int keys, const Head *head, int64_t i, int64_t y, int64_t x, const Vector *row,
                        Vector logits[BLOCKS][KEYS])
{
    const Attention *job = head->job;
    int64_t plane = head->window.plane, channels = job->key_dim;
    const float *query = head->query + i, *key = head->key + y * job->width + x;
    UNROLL
    for (int b = 0; b < blocks; b++)
        UNROLL
        for (int k = 0; k < keys; k++)
            logits[b][k] = row[b] + load(head->col_logits + (x + k) * plane + i + b * LANES);
    for (int64_t c = 0; c < channels; c++, query += plane, key += plane)
        UNROLL
        for (int b = 0; b < blocks; b++) {
            Vector factor = load(query + b * LANES);
            UNROLL
            for (int k = 0; k < keys; k++)
                logits[b][k] += factor * key[k];
        }
}

/* Calls `function` with a constant between 1 and KEYS for its second argument. */
#define WITH_KEYS(count, function, blocks, ...)                                                                        \
    switch (count) {                                                                                                   \
    case 1: function(blocks, 1, __VA_ARGS__); break;                                                                   \
    case 2: function(blocks, 2, __VA_ARGS__); break;                                                                   \
    case 3: function(blocks, 3, __VA_ARGS__); break;                                                                   \
    default: function(blocks, 4, __VA_ARGS__);                                                                         \
    }

/* How many of `left` keys to look at together, so that all turns are about equally long. */
INLINE int keys_of(int64_t left)
{
    int64_t turns = (left + KEYS - 1) / KEYS;
    return (int)((left + turns - 1) / turns);
}

typedef struct {
    const Attention *job;
    const Tables *tables;
} Call;

#endif
