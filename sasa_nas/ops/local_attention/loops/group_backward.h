/* The gradients of a group of heads, and of the tables from all groups. */
#ifndef SASA_NAS_GROUP_BACKWARD_H
#define SASA_NAS_GROUP_BACKWARD_H

#include "group_thin.h"

/* p and ds of the queries for one row of the window. ds is added to `side_sums`, and to dq what the keys give. */
static void row_products(const Group *group, const Queries *queries, const Vector *lse, const Vector *less_means,
                         int64_t row, int64_t key_y)
{
    const Attention *job = group->job;
    row_logits(group, queries, row, key_y, group->weights);
    for (int64_t i = 0; i < queries->count && job->zeros; i++)
        for (int64_t col = 0; col < group->cols; col++)
            group->products[i * group->cols + col] = less_means[i];
    if (key_y >= 0)
        query_dots(group, queries, group->grad_out, group->value + key_y * job->width * job->value_dim, job->value_dim,
                   group->zeros, 0, less_means, group->products);
    for (int64_t i = 0; i < queries->count; i++) {
        Rows weighed = weighed_cols(group, queries, i);
        Vector *weights = group->weights + i * group->cols, *products = group->products + i * group->cols;
        Vector *sides = group->side_sums + i * group->sides, *cols = sides + group->rows, sum = {0};
        for (int64_t col = weighed.first; col < weighed.last; col++) {
            Vector weight = weight_of(weights[col], lse[i]), product = products[col] * weight;
            weights[col] = weight;
            products[col] = product;
            sum += product;
            cols[col] += product;
        }
        sides[row] += sum;
    }
}

static void backward_queries(const Group *group, const Queries *queries)
{
    const Attention *job = group->job;
    const Vector *lse = group->lse + queries->x;
    Vector less_means[MOST_QUERIES];
    Rows rows = weighed_rows(group, queries->y);
    int thin = is_thin(group) && !job->zeros;
    read_side_logits(group, queries);
    clear(group->side_sums, queries->count * group->sides);
    clear(group->grad_query + queries->x * job->key_dim, queries->count * job->key_dim);
    for (int64_t i = 0; i < queries->count; i++) {
        const Vector *out = group->out + (queries->x + i) * job->value_dim;
        const Vector *grad_out = group->grad_out + (queries->x + i) * job->value_dim;
        less_means[i] = splat(0);
        for (int64_t c = 0; c < job->value_dim; c++)
            less_means[i] -= grad_out[c] * out[c];
    }
    for (int64_t row = rows.first; row < rows.last; row++) {
        int64_t key_y = row_shown(group, queries->y, row);
        if (thin && key_y >= 0) {
            thin_backward(group, queries, lse, less_means, row, key_y);
            continue;
        }
        row_products(group, queries, lse, less_means, row, key_y);
        if (key_y < 0)
            continue;
        int64_t keys = key_y * job->width * group->content, values = key_y * job->width * job->value_dim;
        query_sums(group, queries, group->products, group->key + keys, group->content, group->grad_query);
        key_sums(group, queries, group->products, group->query, group->content, group->grad_key + keys);
        key_sums(group, queries, group->weights, group->grad_out, job->value_dim, group->grad_value + values);
    }
    if (!job->rel_rows.data)
        return;
    for (int64_t i = 0; i < queries->count; i++)
        add_sums(group->side_sums + i * group->sides, 1, group->table, job->key_dim, group->sides,
                 group->grad_query + (queries->x + i) * job->key_dim);
    for (int64_t side = 0; side < group->sides; side++)
        add_sums(group->side_sums + side, group->sides, group->query + queries->x * job->key_dim, job->key_dim,
                 queries->count, group->grad_table + side * job->key_dim);
}

typedef struct {
    Attention job;
    Vector *table_gradients; /* of every task: (sides, key_dim) */
} GroupBackward;

static void group_backward_task(const void *shared, int64_t task, float *scratch)
{
    const GroupBackward *all = shared;
    const Attention *job = &all->job;
    Group group;
    Queries queries;
    lay_out_group(&group, job, task, 1, scratch);
    int64_t pixels = job->height * job->width;
    read_rows(&job->key, &group, group.content, group.key);
    read_rows(&job->value, &group, job->value_dim, group.value);
    read_tables(&group);
    clear(group.grad_key, pixels * group.content);
    clear(group.grad_value, pixels * job->value_dim);
    clear(group.grad_table, group.sides * job->key_dim);
    for (int64_t y = 0; y < job->height; y++) {
        read_row(&job->query, &group, y, job->key_dim, (float)job->scale, group.query);
        read_row(&job->out, &group, y, job->value_dim, 1, group.out);
        read_row(&job->grad_out, &group, y, job->value_dim, 1, group.grad_out);
        read_row(&job->lse, &group, y, 1, 1, group.lse);
        for (int64_t x = 0; x < job->width; x += MOST_QUERIES) {
            find_queries(&group, y, x, &queries);
            backward_queries(&group, &queries);
        }
        write_row(&job->grad_query, &group, y, job->key_dim, (float)job->scale, group.grad_query);
    }
    write_rows(&job->grad_key, &group, group.content, group.grad_key);
    write_rows(&job->grad_value, &group, job->value_dim, group.grad_value);
    memcpy(all->table_gradients + task * group.sides * job->key_dim, group.grad_table,
           group.sides * job->key_dim * sizeof(Vector));
}

/* Adds the gradients of the tables from all groups, head by head. */
static void add_table_gradients(const GroupBackward *all)
{
    const Attention *job = &all->job;
    int64_t rows = window_rows(job), cols = window_cols(job), sides = rows + cols;
    for (int64_t head = 0; head < job->batch * job->heads; head++) {
        const Vector *from = all->table_gradients + head / LANES * sides * job->key_dim;
        for (int64_t side = 0; side < sides; side++) {
            int is_row = side < rows;
            const Map *map = is_row ? &job->grad_rel_rows : &job->grad_rel_cols;
            int64_t place = is_row ? (job->kernel_size - rows) / 2 + side : (job->kernel_size - cols) / 2 + side - rows;
            float *to = at(map, 0, head % job->heads) + place * map->strides[1];
            for (int64_t c = 0; c < job->key_dim; c++)
                to[c * map->strides[4]] += from[side * job->key_dim + c][head % LANES];
        }
    }
}

#endif
