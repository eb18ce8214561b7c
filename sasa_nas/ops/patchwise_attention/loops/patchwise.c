/* Patchwise attention of float32 on a CPU: from query, key and value to sums of windows, and back.

   No tensor holds a window of every pixel: what windows show and how they are weighed is computed for a few vectors of
   pixels and a few channels at a time, next to where it is used, and again on the way back. Between passes are the
   first layer's output, a map, and sums over pixels. A pass is a number of tasks, each with sums of its own, which are
   added up in one order: the number of threads changes no bit. */

#include "backward.h"

static int run(Pass *pass, void (*work)(const void *, int64_t, float *), int needs)
{
    Work shape;
    Tasks tasks = {work, pass, pass->slots, take_work(&shape, pass, needs, NULL), 0};
    return do_tasks(&tasks, pass->job->threads);
}

static Pass pass_of(const Patchwise *job, int64_t partial)
{
    Pass pass = {.job = job, .together = images_together(job->batch, job->height, job->width)};
    pass.groups = (job->batch + pass.together - 1) / pass.together;
    int64_t slots = partial ? FLOATS_OF_SLOTS / partial : MOST_SLOTS;
    pass.slots = least(pass.groups, most(LEAST_SLOTS, least(slots, MOST_SLOTS)));
    return pass;
}

/* The statistics of the batch: writes them to the layer. */
static void settle_moments(const Pass *pass, const Layer *layer)
{
    for (int64_t c = 0; c < layer->in; c++) {
        Moments all = {0};
        for (int64_t slot = 0; slot < pass->slots; slot++)
            merge_moments(&all, pass->moments[slot * layer->in + c]);
        layer->mean[c] = (float)all.mean;
        layer->variance[c] = (float)(all.squares / all.count);
    }
}

static void clear_moments(const Pass *pass, int64_t channels)
{
    memset(pass->moments, 0, pass->slots * channels * sizeof(Moments));
}

static int forward(Pass *pass)
{
    const Patchwise *job = pass->job;
    int64_t two = job->layers == 2;
    if (job->first.of_batch) {
        clear_moments(pass, job->first.in);
        if (run(pass, relation_moments, KEYS))
            return 1;
        settle_moments(pass, &job->first);
    }
    fold_norm(&job->first, &pass->first);
    if (two)
        clear_moments(pass, job->second.in);
    if (run(pass, first_pass, KEYS | HIDDEN | (two ? 0 : VALUES)))
        return 1;
    if (!two)
        return 0;
    if (job->second.of_batch)
        settle_moments(pass, &job->second);
    fold_norm(&job->second, &pass->second);
    return run(pass, second_pass, HIDDEN | VALUES);
}

/* Adds up the slots' sums, `part` of their memory. */
static void add_slots(const Pass *pass, const float *part, int64_t count, float *to)
{
    for (int64_t i = 0; i < count && to; i++) {
        double sum = 0;
        for (int64_t slot = 0; slot < pass->slots; slot++)
            sum += part[slot * pass->partial_size + i];
        to[i] = (float)sum;
    }
}

/* A norm's own gradients; and what its statistics add to that of what it normalises. */
static void settle_norm(const Pass *pass, const Layer *layer, Norm *norm, const float *sums, const float *products)
{
    double pixels = (double)(pass->job->batch * pass->job->height * pass->job->width);
    add_slots(pass, sums, layer->in, layer->grad_norm_bias);
    add_slots(pass, products, layer->in, layer->grad_norm_weight);
    for (int64_t c = 0; c < layer->in; c++) {
        norm->mean[c] = layer->of_batch ? (float)(layer->grad_norm_bias[c] / pixels) : 0;
        norm->product[c] = layer->of_batch ? (float)(layer->grad_norm_weight[c] / pixels) : 0;
    }
}

/* Fills the corrections of a concatenation's gradients. */
static int fill_correction(Pass *pass)
{
    const Patchwise *job = pass->job;
    int64_t pixels = job->height * job->width, size = job->keys * pixels, side = job->kernel_size;
    float *maps = malloc(4 * size * sizeof(float));
    double *counts = malloc((2 * job->height + job->width) * side * sizeof(double));
    int32_t *places = malloc((most(job->height, job->width) + side) * sizeof(int32_t));
    Correction *to = &pass->correction;
    *to = (Correction){{maps, maps + size}, {maps + 2 * size, maps + 3 * size}};
    if (maps && counts && places) {
        double *col_counts = counts + side * job->height, *scratch = col_counts + side * job->width;
        reflect(job->height, side / 2, places);
        count_shown(job->height, side, places, counts);
        reflect(job->width, side / 2, places);
        count_shown(job->width, side, places, col_counts);
        for (int64_t c = 0; c < job->keys; c++) {
            correct_query(job, &pass->first, c, to);
            correct_key(job, &pass->first, c, counts, col_counts, scratch, to);
        }
    }
    int failed = !maps || !counts || !places;
    free(counts);
    free(places);
    return failed;
}

static int backward(Pass *pass)
{
    const Patchwise *job = pass->job;
    int64_t two = job->layers == 2;
    Partial partial = partial_of(pass, 0, NULL);
    const Layer *last = two ? &job->second : &job->first;
    fold_norm(&job->first, &pass->first);
    if (two)
        fold_norm(&job->second, &pass->second);
    if (run(pass, last_back_pass,
            HIDDEN | HIDDEN_GRADIENT | VALUES | VALUE_GRADIENTS | (two ? 0 : KEYS | KEY_GRADIENTS)))
        return 1;
    if (two) {
        settle_norm(pass, &job->second, &pass->second, partial.hidden_sums, partial.hidden_products);
        add_slots(pass, partial.second, job->second.in * job->second.out, job->second.grad_weight);
        if (run(pass, first_back_pass, HIDDEN | HIDDEN_GRADIENT | KEYS | KEY_GRADIENTS))
            return 1;
    }
    settle_norm(pass, &job->first, &pass->first, partial.sums, partial.products);
    add_slots(pass, partial.first, job->first.in * job->first.out, job->first.grad_weight);
    add_slots(pass, partial.bias, last->out, last->grad_bias);
    if (!job->first.of_batch)
        return 0;
    if (job->kind == CONCATENATION && fill_correction(pass))
        return 1;
    return run(pass, correction_pass, KEYS | KEY_GRADIENTS);
}

/* Memory for folded norms. */
static float *take_norms(Pass *pass)
{
    int64_t first = NORM_ROWS * pass->job->first.in, second = NORM_ROWS * pass->job->second.in;
    float *memory = calloc(first + second, sizeof(float));
    if (memory) {
        pass->first = norm_in(memory, pass->job->first.in);
        pass->second = norm_in(memory + first, pass->job->second.in);
    }
    return memory;
}

/* Writes `out`, of two layers `hidden`, and the batch's statistics. Returns 1 where memory was short, else 0. */
int patchwise_attention_forward(const Patchwise *job)
{
    Pass pass = pass_of(job, 0);
    float *norms = take_norms(&pass);
    pass.moments = malloc(pass.slots * most(job->first.in, job->second.in) * sizeof(Moments));
    int failed = !norms || !pass.moments || forward(&pass);
    free(pass.moments);
    free(norms);
    return failed;
}

/* Writes all gradients, from `grad_out`, the inputs, `hidden`, and statistics. Returns 1 where memory was short. */
int patchwise_attention_backward(const Patchwise *job)
{
    Pass shape = {.job = job};
    int64_t size, pixels = job->batch * job->height * job->width;
    partial_of(&shape, 0, &size);
    Pass pass = pass_of(job, size);
    pass.partial_size = size;
    float *norms = take_norms(&pass), *gradient = malloc(most(pixels * job->second.in, 1) * sizeof(float));
    pass.partial = calloc(pass.slots * size, sizeof(float));
    pass.hidden_gradient = job->hidden;
    pass.hidden_gradient.data = gradient;
    int failed = !norms || !gradient || !pass.partial || backward(&pass);
    free(pass.correction.add[0]);
    free(pass.partial);
    free(gradient);
    free(norms);
    return failed;
}
