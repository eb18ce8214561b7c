/* One head of one image: its memory and its inputs. */
#ifndef SASA_NAS_HEAD_H
#define SASA_NAS_HEAD_H

#include "tables.h"

#define KEYS 4   /* neighbouring keys of a row that are looked at together */
#define BLOCKS 2 /* blocks of LANES queries that share what is read of the keys */

#define LN_2 0x1.62e42fefa39efp-1 /* the natural logarithm of 2 */

/* One head of one image and the memory to work on it. */
typedef struct {
    const Attention *job;
    const Tables *tables;
    Window window;                          /* how places of a plane relate; there are no gaps between rows */
    int64_t pixels;                         /* of the map, rounded up to whole blocks */
    float *query, *key, *value, *out, *lse; /* planes; queries times the scale, logits being powers of two */
    Vector *row_logits, *col_logits;        /* of a group: q.r of every row, and of every column */
    /* of the backward pass */
    float *grad_out, *grad_query, *grad_key, *grad_value, *delta; /* planes; delta = sum_j p dp = sum_c g out */
    float *row_gradients, *col_gradients;                         /* of the tables, laid out as they are */
    Vector *col_sums; /* of a group: ds of every column of keys */
    int64_t rows;     /* of keys between two turns of the queries */
    Vector *key_sums, *value_sums; /* dk and dv of those rows, a channel after the other, not summed over the lanes */
} Head;

/* One or two blocks of LANES queries, from place i on. */
typedef struct {
    int64_t i;
    int64_t cols[BLOCKS];   /* where a block's columns begin in the table of columns */
    Integers real[BLOCKS];  /* -1 where there is a query */
} Group;

#define CHUNK_FLOATS (1 << 13) /* of dk and dv of the keys between two turns: about as many as the fastest cache holds */

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
    head->row_logits = (Vector *)take(&scratch, job->height * BLOCKS * LANES, 0);
    head->col_logits = (Vector *)take(&scratch, width * BLOCKS * LANES, 0);
    if (!backward)
        return scratch.used;
    head->grad_out = take(&scratch, job->value_dim * plane, 0);
    head->grad_query = take(&scratch, job->key_dim * plane, 0);
    head->grad_key = take(&scratch, job->key_dim * plane, 0);
    head->grad_value = take(&scratch, job->value_dim * plane, 0);
    head->delta = take(&scratch, plane, 0);
    head->row_gradients = take(&scratch, job->key_dim * tables->row_plane, 0);
    head->col_gradients = take(&scratch, job->key_dim * tables->col_plane, 0);
    head->col_sums = (Vector *)take(&scratch, width * BLOCKS * LANES, 0);
    int64_t floats = width * (job->key_dim + job->value_dim) * LANES;
    head->rows = least(most(CHUNK_FLOATS / floats, 1), job->height);
    head->key_sums = (Vector *)take(&scratch, round_up(head->rows * width) * job->key_dim * LANES, 0);
    head->value_sums = (Vector *)take(&scratch, round_up(head->rows * width) * job->value_dim * LANES, 0);
    return scratch.used;
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
    if (!backward)
        return;
    read_map(&job->out, batch, index, height, width, job->value_dim, 1, window, head->out);
    read_map(&job->grad_out, batch, index, height, width, job->value_dim, 1, window, head->grad_out);
    read_map(&job->lse, batch, index, height, width, 1, 1 / LN_2, window, head->lse);
}

/* The blocks of queries from place i on, and the relative logits of the key rows from `first` up to `last`. */
INLINE Group open_group(int blocks, const Head *head, int64_t i, int64_t first, int64_t last)
{
    const Attention *job = head->job;
    const Tables *tables = head->tables;
    int64_t width = job->width, height = job->height;
    Group group = {.i = i};
    for (int b = 0; b < blocks; b++) {
        int64_t block = i + b * LANES;
        group.cols[b] = block % width;
        for (int lane = 0; lane < LANES; lane++)
            group.real[b][lane] = block + lane < height * width ? -1 : 0;
        for (int64_t y = first; y < last; y++) {
            Vector sum = {0};
            const float *from = tables->rows + row_place(job, y, block);
            for (int64_t c = 0; c < tables->channels; c++)
                sum += load(head->query + c * head->window.plane + block) * load(from + c * tables->row_plane);
            head->row_logits[y * BLOCKS + b] = sum;
        }
        for (int64_t x = 0; x < width; x++) {
            Vector sum = {0};
            const float *from = tables->cols + x * tables->col_step + group.cols[b];
            for (int64_t c = 0; c < tables->channels; c++)
                sum += load(head->query + c * head->window.plane + block) * load(from + c * tables->col_plane);
            head->col_logits[x * BLOCKS + b] = sum;
        }
    }
    return group;
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
            logits[b][k] = row[b] + head->col_logits[(x + k) * BLOCKS + b];
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
