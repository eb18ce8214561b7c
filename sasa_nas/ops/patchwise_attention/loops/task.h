/* A pass over the batch: what its tasks share, and the memory of one. */
#ifndef SASA_NAS_TASK_H
#define SASA_NAS_TASK_H

#include "concatenation.h"
#include "products.h"
#include "tasks.h"

#define MOST_SLOTS 64
#define LEAST_SLOTS 8
#define FLOATS_OF_SLOTS (1 << 22)

/* The images, side by side in groups, are shared out to slots: a task each, with sums of its own, which are added up in
   the slots' order. How many there are depends on the problem alone, so that the number of threads changes no bit. */
typedef struct {
    const Patchwise *job;
    int64_t together, groups, slots;
    Norm first, second;
    Moments *moments;              /* (slots, channels) of the numbers that the pass normalises */
    float *partial;                /* (slots, partial_size) sums of gradients */
    int64_t partial_size;
    Map hidden_gradient;           /* that of what the second norm yields, like `hidden` */
    Correction correction;         /* of a concatenation */
} Pass;

/* Parts of a slot's sums: the gradients of weights and of the bias, and of what norms yield and its products. */
typedef struct {
    float *first, *second, *bias, *sums, *products, *hidden_sums, *hidden_products;
} Partial;

static Partial partial_of(const Pass *pass, int64_t slot, int64_t *size)
{
    const Layer *first = &pass->job->first, *second = &pass->job->second;
    int64_t two = pass->job->layers == 2, last = two ? second->out : first->out;
    float *base = pass->partial + slot * pass->partial_size;
    Scratch scratch = {base, 0};
    Partial partial;
    partial.first = take(&scratch, first->out * first->in, 0);
    partial.second = take(&scratch, two ? second->out * second->in : 0, 0);
    partial.bias = take(&scratch, last, 0);
    partial.sums = take(&scratch, first->in, 0);
    partial.products = take(&scratch, first->in, 0);
    partial.hidden_sums = take(&scratch, two ? second->in : 0, 0);
    partial.hidden_products = take(&scratch, two ? second->in : 0, 0);
    if (size)
        *size = scratch.used;
    return partial;
}

/* Memory of a task; what a pass does not ask for is NULL. */
typedef struct {
    Images group;
    Keys keys;
    float *hidden, *rectified, *hidden_gradient; /* planes: (first.out), the latter two (second.in) */
    float *value, *out, *grad_value;             /* planes: (values); `out` is its gradient on the way back */
    float *shown, *landed;                       /* MOST_SUMS channels of value */
    float *weights, *weight_gradient;            /* staged: (area) */
    float *activated, *gradient;                 /* staged: (most_related) */
    float *slice;                                /* columns of the first layer's weight: (first.out, most_related) */
    float *lanes;                                /* sums of LANES numbers each: (2, most_related or area) */
} Work;

enum { KEYS = 1, KEY_GRADIENTS = 2, HIDDEN = 4, HIDDEN_GRADIENT = 8, VALUES = 16, VALUE_GRADIENTS = 32 };

static int64_t take_work(Work *work, const Pass *pass, int needs, float *base)
{
    const Patchwise *job = pass->job;
    Scratch scratch = {base, 0};
    Images *group = &work->group;
    *work = (Work){0};
    lay_out(group, job, 0, pass->together);
    take_tables(group, &scratch);
    int64_t plane = group->plane, related = most_related(job), hidden = job->first.out;
    if (needs & KEYS) {
        take_keys(&work->keys, group, needs & KEY_GRADIENTS, &scratch);
        work->activated = take(&scratch, related * STAGED, 0);
        work->slice = take(&scratch, hidden * related, 0);
    }
    if (needs & KEY_GRADIENTS)
        work->gradient = take(&scratch, related * STAGED, 0);
    if (needs & HIDDEN)
        work->hidden = take(&scratch, hidden * plane, 0);
    if (needs & HIDDEN_GRADIENT)
        work->hidden_gradient = take(&scratch, hidden * plane, 0);
    if (needs & VALUES) {
        work->value = take(&scratch, job->values * plane, 0);
        work->out = take(&scratch, job->values * plane, 0);
        work->shown = take(&scratch, MOST_SUMS * group->shown, 0);
        work->weights = take(&scratch, group->area * STAGED, 0);
        if (job->layers == 2)
            work->rectified = take(&scratch, hidden * plane, 0);
    }
    if (needs & VALUE_GRADIENTS) {
        work->grad_value = take(&scratch, job->values * plane, 0);
        work->landed = take(&scratch, MOST_SUMS * group->landings, 0);
        work->weight_gradient = take(&scratch, group->area * STAGED, 0);
        work->keys.row = work->keys.row ? work->keys.row : take(&scratch, group->pitch + 2 * LANES, 0);
    }
    work->lanes = take(&scratch, most(2 * related * LANES, 2 * group->line + 4 * job->width), 0);
    return scratch.used;
}

/* The next group of a slot's images; tables and layout are those of their number. */
static void begin_group(Work *work, const Pass *pass, int64_t number)
{
    int64_t first = number * pass->together;
    lay_out(&work->group, pass->job, first, least(pass->together, pass->job->batch - first));
    fill_tables(&work->group);
}

#define FOR_GROUPS(pass, slot, work)                                                                                   \
    for (int64_t number = (slot) * (pass)->groups / (pass)->slots,                                                     \
                 end = ((slot) + 1) * (pass)->groups / (pass)->slots;                                                  \
         number < end && (begin_group(work, pass, number), 1); number++)

/* The columns of the first layer's weight that a chunk multiplies, next to each other. */
static Matrix slice_of(const Work *work, const Layer *layer, const Chunk *chunk)
{
    for (int64_t o = 0; o < layer->out; o++)
        memcpy(work->slice + o * chunk->count, layer->weight + o * layer->in + chunk->first,
               chunk->count * sizeof(float));
    return (Matrix){work->slice, chunk->count, 1};
}

#endif
