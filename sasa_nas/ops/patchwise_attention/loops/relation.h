/* How a pixel relates to its window, a few relation channels at a time, forward and backward. */
#ifndef SASA_NAS_RELATION_H
#define SASA_NAS_RELATION_H

#include "images.h"

/* Relation channels that are handled together, at most `most_related` of them: for `concatenation` a piece of the query
   or one channel of the key, for `star` all, for `clique` the products of one place of the window with all of them. */
typedef struct {
    int64_t first, count;
    int64_t channel; /* of query or key, or the place in the window */
    int is_key;      /* of a concatenation */
} Chunk;

static int64_t most_related(const Patchwise *job) { return most(job->kernel_size * job->kernel_size, LANES); }

static int64_t chunks_of(const Patchwise *job)
{
    int64_t area = job->kernel_size * job->kernel_size, piece = most_related(job);
    return job->kind == STAR ? 1 : job->kind == CLIQUE ? area : (job->keys + piece - 1) / piece + job->keys;
}

static Chunk chunk_of(const Patchwise *job, int64_t number)
{
    int64_t area = job->kernel_size * job->kernel_size, piece = most_related(job);
    int64_t pieces = (job->keys + piece - 1) / piece;
    if (job->kind != CONCATENATION)
        return (Chunk){number * area, area, number, 0};
    if (number < pieces)
        return (Chunk){number * piece, least(piece, job->keys - number * piece), number * piece, 0};
    return (Chunk){job->keys + (number - pieces) * area, area, number - pieces, 1};
}

/* The keys and queries of a group of images, and what is added up for their gradients; NULL where not wanted. */
typedef struct {
    float *query, *key;             /* planes: (keys) */
    float *query_shown, *key_shown; /* as windows see them: (keys) */
    float *grad_query, *grad_key;   /* planes: (keys) */
    float *query_landed, *key_landed; /* gradients as windows get them: (keys), or of one channel for concatenations */
    float *related;                 /* staged: (most_related) */
    float *row;                     /* of a padded line */
} Keys;

static void take_keys(Keys *keys, const Images *group, int gradients, Scratch *scratch)
{
    const Patchwise *job = group->job;
    int64_t count = job->keys, clique = job->kind == CLIQUE;
    *keys = (Keys){0};
    keys->query = take(scratch, count * group->plane, 0);
    keys->key = take(scratch, count * group->plane, 0);
    keys->key_shown = take(scratch, count * group->shown, 0);
    if (clique)
        keys->query_shown = take(scratch, count * group->shown, 0);
    if (job->kind != CONCATENATION)
        keys->related = take(scratch, most_related(job) * STAGED, 0);
    if (gradients) {
        keys->grad_query = take(scratch, count * group->plane, 0);
        keys->grad_key = take(scratch, count * group->plane, 0);
        keys->key_landed = take(scratch, (job->kind == CONCATENATION ? 1 : count) * group->landings, 0);
        if (clique)
            keys->query_landed = take(scratch, count * group->landings, 0);
        keys->row = take(scratch, group->pitch + 2 * LANES, 0);
    }
}

/* `shown`: also as windows see them. */
static void read_keys(const Keys *keys, const Images *group, int shown)
{
    const Patchwise *job = group->job;
    read_planes(group, &job->query, 0, job->keys, keys->query);
    read_planes(group, &job->key, 0, job->keys, keys->key);
    for (int64_t c = 0; c < job->keys && shown; c++) {
        show(group, keys->key + c * group->plane, keys->key_shown + c * group->shown);
        if (keys->query_shown)
            show(group, keys->query + c * group->plane, keys->query_shown + c * group->shown);
    }
}

/* Rows of vectors, which need not be next to each other: row j is `row_at[j]` from the first or j times `row_step`. */
typedef struct {
    const float *from;
    const int64_t *row_at;
    int64_t row_step;
    const int64_t *vector_at;
} Rows;

INLINE const float *row_of(const Rows *rows, int64_t j)
{
    return rows->from + (rows->row_at ? rows->row_at[j] : j * rows->row_step);
}

INLINE void dots_of(int count, const float *center, int64_t plane, const float *shown, int64_t step, int64_t shown_step,
                    int64_t channels, float *to)
{
    Vector sums[MOST_SUMS] = {{0}};
    for (int64_t c = 0; c < channels; c++, center += plane, shown += shown_step) {
        Vector factor = load(center);
        UNROLL
        for (int j = 0; j < count; j++)
            sums[j] += factor * load(shown + j * step);
    }
    UNROLL
    for (int j = 0; j < count; j++)
        store(to + j * STAGED, sums[j]);
}

/* Where the center of a chunk's products is: the pixel itself, or a place of its window. */
INLINE Rows center_of(const Keys *keys, const Images *group, const Block *block, const Chunk *chunk)
{
    if (group->job->kind == STAR)
        return (Rows){keys->query + block->at, NULL, group->plane, group->same};
    return (Rows){keys->query_shown + group->window[chunk->channel], NULL, group->shown, block->seen};
}

/* The relation of a block's pixels. */
static Rows relate(const Keys *keys, const Images *group, const Block *block, const Chunk *chunk)
{
    int64_t side = group->job->kernel_size;
    if (group->job->kind == CONCATENATION) {
        if (chunk->is_key)
            return (Rows){keys->key_shown + chunk->channel * group->shown, group->window, 0, block->seen};
        return (Rows){keys->query + chunk->channel * group->plane + block->at, NULL, group->plane, group->same};
    }
    Rows center = center_of(keys, group, block, chunk);
    for (int64_t v = 0; v < block->count; v++)
        for (int64_t dy = 0; dy < side; dy++)
            for (int64_t dx = 0, count; dx < side; dx += count) {
                count = turn(side - dx);
                const float *from = keys->key_shown + block->seen[v] + group->window[dy * side + dx];
                float *to = keys->related + (dy * side + dx) * STAGED + v * LANES;
                WITH_CONSTANT(count, dots_of, center.from + center.vector_at[v], center.row_step, from, group->images,
                              group->shown, group->job->keys, to)
            }
    return (Rows){keys->related, NULL, STAGED, group->same};
}

/* Adds the gradients of query and key, from those of a chunk of products. */
static void spread_products(const Keys *keys, const Images *group, const Block *block, const Chunk *chunk,
                            const float *gradient)
{
    int64_t star = group->job->kind == STAR;
    Rows center = center_of(keys, group, block, chunk);
    float *to = star ? keys->grad_query : keys->query_landed + group->land[chunk->channel];
    for (int64_t c = 0; c < group->job->keys; c++)
        for (int64_t v = 0; v < block->count; v++) {
            int64_t place = star ? c * group->plane + block->at + v * LANES : c * group->landings + block->lands[v];
            float *sum_at = to + place;
            Vector sum = load(sum_at), factor = load(row_of(&center, c) + center.vector_at[v]);
            const float *shown = keys->key_shown + c * group->shown + block->seen[v];
            float *landed = keys->key_landed + c * group->landings + block->lands[v];
            for (int64_t j = 0; j < group->area; j++) {
                Vector weight = load(gradient + j * STAGED + v * LANES);
                float *at = landed + group->land[j];
                sum += weight * load(shown + group->window[j]);
                store(at, load(at) + weight * factor);
            }
            store(sum_at, sum);
        }
}

/* Where the gradients of a chunk's rows go: of a concatenation to what they are of, else they stay where they are. */
typedef struct {
    float *to;
    const int64_t *row_at; /* or NULL, */
    int64_t row_step;
    const int64_t *vector_at; /* see Rows */
    int add;                  /* rather than write */
} Landing;

static Landing landing_of(const Keys *keys, const Images *group, const Block *block, const Chunk *chunk, float *staged)
{
    if (group->job->kind != CONCATENATION)
        return (Landing){staged, NULL, STAGED, group->same, 0};
    if (chunk->is_key)
        return (Landing){keys->key_landed, group->land, 0, block->lands, 1};
    return (Landing){keys->grad_query + chunk->channel * group->plane + block->at, NULL, group->plane, group->same, 0};
}

/* Begins and ends the sums of a group's gradients; those of concatenations are ended channel by channel. */
static void clear_gradients(const Keys *keys, const Images *group)
{
    int64_t count = group->job->keys;
    memset(keys->grad_query, 0, count * group->plane * sizeof(float));
    memset(keys->grad_key, 0, count * group->plane * sizeof(float));
    memset(keys->key_landed, 0,
           (group->job->kind == CONCATENATION ? 1 : count) * group->landings * sizeof(float));
    if (keys->query_landed)
        memset(keys->query_landed, 0, count * group->landings * sizeof(float));
}

/* Ends the sums of one key channel of a concatenation. */
static void finish_channel(const Keys *keys, const Images *group, int64_t channel)
{
    add_landed(group, keys->key_landed, keys->row, keys->grad_key + channel * group->plane);
}

static void finish_gradients(const Keys *keys, const Images *group)
{
    for (int64_t c = 0; c < group->job->keys && group->job->kind != CONCATENATION; c++) {
        add_landed(group, keys->key_landed + c * group->landings, keys->row, keys->grad_key + c * group->plane);
        if (keys->query_landed)
            add_landed(group, keys->query_landed + c * group->landings, keys->row,
                       keys->grad_query + c * group->plane);
    }
    write_planes(group, &group->job->grad_query, 0, group->job->keys, keys->grad_query);
    write_planes(group, &group->job->grad_key, 0, group->job->keys, keys->grad_key);
}

#endif
