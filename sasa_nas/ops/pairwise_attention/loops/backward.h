/* The passes of the backward direction. See corrections.h for what the batch's statistics add. */
#ifndef SASA_NAS_BACKWARD_H
#define SASA_NAS_BACKWARD_H

#include "forward.h"

/* Sums of one task, in `partials`. */
typedef struct {
    float *last;             /* (weight channels, depth): gradient of the last weight */
    float *first;            /* (hidden, related): sums of the gradient of the hidden layer times y */
    float *hidden;           /* (hidden): sums of that gradient */
    float *relation;         /* (related): sums of the gradient of the normalised relation */
    float *squares, *active; /* (related, related) and (related): sums of y times y, and of y */
    double *products;        /* (related): sums of the gradient of the normalised relation times the relation */
} Partial;

static int64_t lay_out_partial(Partial *partial, const Mapping *mapping, float *base)
{
    const Pairwise *job = mapping->job;
    int64_t related = mapping->related, hidden = job->layers == 2 ? job->hidden : 0;
    Scratch scratch = {base, 0};
    partial->products = (double *)take(&scratch, 2 * related, 0);
    partial->last = take(&scratch, job->weight_channels * mapping->depth, 0);
    partial->first = take(&scratch, hidden * related, 0);
    partial->hidden = take(&scratch, hidden, 0);
    partial->relation = take(&scratch, related, 0);
    partial->squares = take(&scratch, hidden ? related * related : 0, 0);
    partial->active = take(&scratch, related, 0);
    return scratch.used;
}

static Partial partial_of(const Mapping *mapping, int64_t task)
{
    Partial partial;
    lay_out_partial(&partial, mapping, mapping->partials + task * mapping->partial);
    return partial;
}

/* sums[r] += the sums of the rows of a block. */
static void add_row_sums(const Image *image, const float *rows, int64_t count, Vector *sums)
{
    for (int64_t r = 0; r < count; r++, rows += image->step) {
        Vector sum = {0};
        for (int64_t j = 0; j < image->area; j++)
            sum += load(rows + j * LANES);
        sums[r] += sum;
    }
}

/* The sum of the products of two planes' numbers, of which a few are added up before they become doubles. */
static double plane_product(const Image *image, const float *a, const float *b)
{
    double sum = 0;
    int64_t whole = image->pixels / LANES * LANES;
    for (int64_t i = 0; i < whole; i += 32 * LANES) {
        Vector part = {0};
        for (int64_t x = i; x < least(i + 32 * LANES, whole); x += LANES)
            part += load(a + x) * load(b + x);
        sum += exact_total(part);
    }
    for (int64_t i = whole; i < image->pixels; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* Writes the gradients of query and key as they are spread, and their products with query and key. */
static void write_spread(const Image *image, int more, double *products)
{
    const Mapping *mapping = image->mapping;
    const Pairwise *job = mapping->job;
    int64_t plane = image->plane, compared = mapping->compared, kind = job->kind;
    if (more)
        copy_planes(image, &job->grad_key, 0, job->channels, image->spare, 0);
    else
        memset(image->spare, 0, job->channels * plane * sizeof(float));
    for (int64_t c = 0; c < job->channels; c++)
        add_strip(image, image->grad_key + c * image->strips, image->spare + c * plane);
    copy_planes(image, &job->grad_key, 0, job->channels, image->spare, 1);
    copy_planes(image, &job->grad_query, 0, job->channels, image->grad_query, 1);
    memset(products, 0, mapping->related * sizeof(double));
    copy_planes(image, &job->key, 0, job->channels, image->query, 0);
    for (int64_t c = 0; c < job->channels; c++) {
        double product = plane_product(image, image->query + c * plane, image->spare + c * plane);
        if (c >= compared)
            products[mapping->related - job->channels + c] -= product;
        else if (kind == CONCATENATION)
            products[compared + c] += product;
        else if (kind == SUM || kind == SUBTRACTION)
            products[c] += kind == SUM ? product : -product;
    }
    copy_planes(image, &job->query, 0, job->channels, image->query, 0);
    for (int64_t c = 0; c < job->channels; c++) {
        double product = plane_product(image, image->query + c * plane, image->grad_query + c * plane);
        products[c >= compared ? mapping->related - job->channels + c : kind == DOT ? 0 : c] += product;
    }
}

/* All gradients, the statistics taken for constants. */
static void backward_task(const void *shared, int64_t task, float *scratch)
{
    const Mapping *mapping = shared;
    const Pairwise *job = mapping->job;
    Partial partial = partial_of(mapping, task);
    Image image;
    open_image(&image, mapping, RELATIONS | HIDDEN | BACKWARD, task, scratch);
    read_relation(&image, mapping->scale, mapping->shift);
    read_values(&image);
    copy_planes(&image, &job->grad_out, 0, job->values, image.out, 0);
    copy_planes(&image, &job->lse, 0, job->weight_channels, image.lse, 0);
    memset(image.grad_query, 0, job->channels * image.plane * sizeof(float));
    memset(image.grad_key, 0, job->channels * image.strips * sizeof(float));
    memset(image.grad_value, 0, job->values * image.strips * sizeof(float));
    int64_t step = image.step, area = image.area, related = mapping->related, hidden = job->hidden;
    Matrix last = {job->weight[job->layers - 1], 1, mapping->depth}, first = {mapping->weight, 1, related};
    Vector relation_sums[related], hidden_sums[hidden];
    memset(relation_sums, 0, sizeof relation_sums);
    memset(hidden_sums, 0, sizeof hidden_sums);
    for (int64_t y = 0; y < image.lines; y++)
        for (int64_t x = 0; x < image.line; x += LANES) {
            Block block = block_at(&image, y, x);
            fetch(&image.ahead);
            relate(1, &image, &block, mapping->scale, mapping->shift);
            map_block(&image);
            attend_block_back(&image, &block);
            add_outer_products(job->weight_channels, mapping->depth, area, image.products, step, image.hidden, step,
                               partial.last, mapping->depth);
            multiply_planes_gated(mapping->depth, job->weight_channels, area, last, NULL, image.products, step,
                                  image.hidden, step, image.hidden);
            if (job->layers == 2) {
                add_row_sums(&image, image.hidden, hidden, hidden_sums);
                add_outer_products(hidden, related, area, image.hidden, step, image.related, step, partial.first,
                                   related);
                multiply_planes_gated(related, hidden, area, first, NULL, image.hidden, step, image.related, step,
                                      image.related);
            }
            spread_relation(&image, &block, job->channels, relation_sums);
        }
    memset(image.out, 0, job->values * image.plane * sizeof(float));
    for (int64_t c = 0; c < job->values; c++)
        add_strip(&image, image.grad_value + c * image.strips, image.out + c * image.plane);
    copy_planes(&image, &job->grad_value, 0, job->values, image.out, 1);
    write_spread(&image, 0, partial.products);
    for (int64_t r = 0; r < related; r++)
        partial.relation[r] += total(relation_sums[r]);
    for (int64_t r = 0; r < hidden && job->layers == 2; r++)
        partial.hidden[r] += total(hidden_sums[r]);
}

#endif
