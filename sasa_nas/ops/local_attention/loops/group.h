/* LANES heads at once, each in a lane of its own: their memory, and copies from and to the maps of torch.

   A number of a pixel is a vector here. What a window shows is then aligned in memory, and what is beyond the map is
   not touched: no lane is spent on it, and no infinity or NaN in one head or pixel can reach another. */
#ifndef SASA_NAS_GROUP_H
#define SASA_NAS_GROUP_H

#include "head.h"

#define MOST_QUERIES 8 /* neighbours in a row whose windows are worked through together: they share most keys */

typedef struct {
    const Attention *job;
    int64_t first, count;                         /* of the heads of all images; lanes past `count` repeat the last */
    int64_t rows, cols, row_radius, col_radius, sides; /* of the window, as in Head */
    int64_t content;                              /* channels of the key: none where there is no key */
    Vector *key, *value, *grad_key, *grad_value;  /* (height, width, channels) */
    Vector *query, *out, *lse;                    /* of one row of the map: (width, channels) */
    Vector *grad_query, *grad_out;                /* as query */
    Vector *lengths;                              /* of the keys, squared: (height, width) */
    Vector *table, *grad_table;                   /* rel_rows and then rel_cols: (sides, key_dim) */
    Vector *side_logits, *side_sums;              /* of the queries: (MOST_QUERIES, sides) */
    Vector *weights, *products;                   /* p and ds for a row of the window: (MOST_QUERIES, cols) */
    Vector *zeros;                                /* as many as weights */
} Group;

static Vector *take_vectors(Scratch *scratch, int64_t count) { return (Vector *)take(scratch, count * LANES, 0); }

/* Sizes of a group, and places for all it needs from `base` on. Returns how many floats they take. */
static int64_t lay_out_group(Group *group, const Attention *job, int64_t task, int backward, float *base)
{
    int64_t rows = window_rows(job), cols = window_cols(job), sides = rows + cols, width = job->width;
    int64_t pixels = job->height * width, first = task * LANES, content = job->key.data ? job->key_dim : 0;
    Scratch scratch = {base, 0};
    *group = (Group){.job = job, .first = first, .count = least(LANES, job->batch * job->heads - first)};
    group->rows = rows, group->cols = cols, group->row_radius = rows / 2, group->col_radius = cols / 2;
    group->sides = sides, group->content = content;
    group->key = take_vectors(&scratch, pixels * content);
    group->value = take_vectors(&scratch, pixels * job->value_dim);
    group->query = take_vectors(&scratch, width * job->key_dim);
    group->out = take_vectors(&scratch, width * job->value_dim);
    group->lse = take_vectors(&scratch, width);
    group->table = take_vectors(&scratch, sides * job->key_dim);
    group->side_logits = take_vectors(&scratch, MOST_QUERIES * sides);
    group->weights = take_vectors(&scratch, MOST_QUERIES * cols);
    if (!backward) {
        group->lengths = take_vectors(&scratch, pixels);
        return scratch.used;
    }
    group->grad_key = take_vectors(&scratch, pixels * content);
    group->grad_value = take_vectors(&scratch, pixels * job->value_dim);
    group->grad_query = take_vectors(&scratch, width * job->key_dim);
    group->grad_out = take_vectors(&scratch, width * job->value_dim);
    group->grad_table = take_vectors(&scratch, sides * job->key_dim);
    group->side_sums = take_vectors(&scratch, MOST_QUERIES * sides);
    group->products = take_vectors(&scratch, MOST_QUERIES * cols);
    group->zeros = take_vectors(&scratch, MOST_QUERIES * cols);
    return scratch.used;
}

/* Where a row of the map begins in the memory of every lane's head. */
static void find_row(const Map *map, const Group *group, int64_t y, float *lanes[LANES])
{
    for (int64_t lane = 0; lane < LANES; lane++) {
        int64_t head = group->first + least(lane, group->count - 1);
        lanes[lane] = at(map, head / group->job->heads, head % group->job->heads) + y * map->strides[1];
    }
}

/* The two axes of a row: numbers along the inner one lie next to each other in a map, where any do. Steps in the row
   are in vectors. */
typedef struct {
    int64_t outer, inner, outer_step, inner_step, outer_vectors, inner_vectors;
    int64_t tiled; /* numbers along the inner axis that are turned over in tiles */
} Axes;

static Axes axes_of(const Map *map, int64_t width, int64_t channels)
{
    Axes axes = {width, channels, map->strides[2], map->strides[4], channels, 1, 0};
    if (map->strides[4] != 1 && map->strides[2] == 1)
        axes = (Axes){channels, width, map->strides[4], 1, 1, channels, 0};
    axes.tiled = axes.inner_step == 1 ? axes.inner / TILE * TILE : 0;
    return axes;
}

/* Copies a row of the map, times `factor`: (width, channels). */
static void read_row(const Map *map, const Group *group, int64_t y, int64_t channels, float factor, Vector *row)
{
    float *lanes[LANES];
    Axes axes = axes_of(map, group->job->width, channels);
    find_row(map, group, y, lanes);
    for (int64_t o = 0; o < axes.outer; o++, row += axes.outer_vectors) {
        int64_t from = o * axes.outer_step, i = 0;
        for (; i < axes.tiled; i += TILE)
            for (int64_t lane = 0; lane < LANES; lane += TILE) {
                Four lines[TILE];
                for (int j = 0; j < TILE; j++) {
                    memcpy(&lines[j], lanes[lane + j] + from + i, sizeof lines[j]);
                    lines[j] *= factor;
                }
                turn_lines(lines);
                for (int j = 0; j < TILE; j++)
                    memcpy((float *)(row + (i + j) * axes.inner_vectors) + lane, &lines[j], sizeof lines[j]);
            }
        for (; i < axes.inner; i++)
            for (int64_t lane = 0; lane < LANES; lane++)
                ((float *)(row + i * axes.inner_vectors))[lane] = lanes[lane][from + i * axes.inner_step] * factor;
    }
}

/* The reverse: copies a row, times `factor`, to the map. */
static void write_row(const Map *map, const Group *group, int64_t y, int64_t channels, float factor, const Vector *row)
{
    float *lanes[LANES];
    Axes axes = axes_of(map, group->job->width, channels);
    int64_t whole = group->count / TILE * TILE;
    find_row(map, group, y, lanes);
    for (int64_t o = 0; o < axes.outer; o++, row += axes.outer_vectors) {
        int64_t to = o * axes.outer_step;
        for (int64_t i = 0; i < axes.tiled; i += TILE)
            for (int64_t lane = 0; lane < whole; lane += TILE) {
                Four lines[TILE];
                for (int j = 0; j < TILE; j++) {
                    memcpy(&lines[j], (const float *)(row + (i + j) * axes.inner_vectors) + lane, sizeof lines[j]);
                    lines[j] *= factor;
                }
                turn_lines(lines);
                for (int j = 0; j < TILE; j++)
                    memcpy(lanes[lane + j] + to + i, &lines[j], sizeof lines[j]);
            }
        for (int64_t i = 0; i < axes.inner; i++)
            for (int64_t lane = i < axes.tiled ? whole : 0; lane < group->count; lane++)
                lanes[lane][to + i * axes.inner_step] =
                    ((const float *)(row + i * axes.inner_vectors))[lane] * factor;
    }
}

/* Copies a map row by row. */
static void read_rows(const Map *map, const Group *group, int64_t channels, Vector *rows)
{
    for (int64_t y = 0; y < group->job->height && channels > 0; y++)
        read_row(map, group, y, channels, 1, rows + y * group->job->width * channels);
}

static void write_rows(const Map *map, const Group *group, int64_t channels, const Vector *rows)
{
    for (int64_t y = 0; y < group->job->height && channels > 0; y++)
        write_row(map, group, y, channels, 1, rows + y * group->job->width * channels);
}

/* Copies the tables, each lane's as its head has them. */
static void read_tables(const Group *group)
{
    const Attention *job = group->job;
    for (int64_t side = 0; side < group->sides && job->rel_rows.data; side++) {
        int is_row = side < group->rows;
        const Map *map = is_row ? &job->rel_rows : &job->rel_cols;
        int64_t length = is_row ? group->rows : group->cols, place = is_row ? side : side - group->rows;
        int64_t skip = (job->kernel_size - length) / 2 + place;
        for (int64_t lane = 0; lane < LANES; lane++) {
            int64_t head = group->first + least(lane, group->count - 1);
            const float *from = at(map, 0, head % job->heads) + skip * map->strides[1];
            for (int64_t c = 0; c < job->key_dim; c++)
                ((float *)(group->table + side * job->key_dim + c))[lane] = from[c * map->strides[4]];
        }
    }
}

#endif
