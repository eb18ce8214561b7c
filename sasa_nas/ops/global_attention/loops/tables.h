/* A call's arguments, and its tables of relative embeddings laid out for blocks of queries. */
#ifndef SASA_NAS_TABLES_H
#define SASA_NAS_TABLES_H

#include "maps.h"
#include "scratch.h"

typedef struct {
    int64_t batch, height, width, heads, key_dim, value_dim;
    int64_t threads; /* at most */
    double scale;
    Map query, key, value, rel_rows, rel_cols, out, lse; /* the tables' data are NULL where there are none */
    Map grad_out, grad_query, grad_key, grad_value, grad_rel_rows, grad_rel_cols;
} Attention;

/* The embeddings that LANES neighbouring queries of the flattened map have for a key's row and for its column lie next
   to each other, although the queries' own rows and columns differ.

   For rows, the table is turned round and each embedding repeated for a row of the map: queries a row further down see
   the key a row further up. For columns, every key's column has the embeddings of all queries' columns, again from the
   first after the last. */
typedef struct {
    int64_t channels;                       /* key_dim, or none where there are no tables */
    int64_t row_plane, col_plane, col_step; /* from channel to channel, and from a key's column to the next */
    float *rows, *cols;
    double reach; /* the most that an embedding of a row and one of a column are long */
} Tables;

/* Where in a channel of `rows` the embeddings for key row y begin, for the queries from place i on. */
INLINE int64_t row_place(const Attention *job, int64_t y, int64_t i) { return (job->height - 1 - y) * job->width + i; }

/* The offset of the table of rows, or of columns, that a key's row or column is at from a query's. */
INLINE int64_t offset_of(int64_t key, int64_t query, int64_t size) { return key - query + size - 1; }

/* Sizes of the tables, and places for them from `base` on. Returns how many floats they take. */
static int64_t lay_out_tables(Tables *tables, const Attention *job, float *base)
{
    int64_t height = job->height, width = job->width, channels = job->rel_rows.data ? job->key_dim : 0;
    Scratch scratch = {base, 0};
    *tables = (Tables){.channels = channels, .col_step = round_up(width + LANES)};
    tables->row_plane = odd_lines((height - 1) * width + round_up(height * width));
    tables->col_plane = odd_lines(width * tables->col_step);
    tables->rows = take(&scratch, channels * tables->row_plane, 0);
    tables->cols = take(&scratch, channels * tables->col_plane, 0);
    return scratch.used;
}

static double longest(const Map *table, int64_t offsets, int64_t channels)
{
    double longest = 0;
    for (int64_t offset = 0; offset < offsets; offset++) {
        double square = 0;
        for (int64_t c = 0; c < channels; c++) {
            double number = table->data[offset * table->strides[1] + c * table->strides[4]];
            square += number * number;
        }
        longest = square > longest || isnan(square) ? square : longest;
    }
    return sqrt(longest);
}

static void read_tables(Tables *tables, const Attention *job)
{
    int64_t height = job->height, width = job->width;
    const Map *rows = &job->rel_rows, *cols = &job->rel_cols;
    if (!tables->channels)
        return;
    tables->reach = longest(rows, 2 * height - 1, tables->channels) + longest(cols, 2 * width - 1, tables->channels);
    for (int64_t c = 0; c < tables->channels; c++) {
        float *to = tables->rows + c * tables->row_plane;
        for (int64_t row = 0; row < 2 * height - 1; row++)
            for (int64_t x = 0; x < width; x++)
                *to++ = rows->data[(2 * height - 2 - row) * rows->strides[1] + c * rows->strides[4]];
        for (int64_t key = 0; key < width; key++) {
            to = tables->cols + c * tables->col_plane + key * tables->col_step;
            for (int64_t place = 0; place < width + LANES; place++)
                to[place] = cols->data[offset_of(key, place % width, width) * cols->strides[1] + c * cols->strides[4]];
        }
    }
}

#endif
