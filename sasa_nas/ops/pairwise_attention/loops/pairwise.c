/* SAN's pairwise attention of float32 maps on a CPU: from query, key and value to the weighted sums, and back, with
   nothing in memory that is as large as all windows.

   A block of LANES pixels and their windows is related, mapped, weighed and summed up in the nearest cache. One task is
   one image. What all images together tell, the statistics of norms and the gradients of parameters, is summed by task
   and then in the order of tasks: the number of threads changes no bit. Norms are folded into affine maps; sums that
   their derivatives need are made of the products of planes that the gradients of weights need anyway. */

#include "corrections.h"
#include "tasks.h"

/* Places for all that a mapping's passes share. Returns how many floats they take. */
static int64_t lay_out_mapping(Mapping *mapping, const Pairwise *job, int backward, float *base)
{
    Scratch scratch = {base, 0};
    Partial partial;
    *mapping = (Mapping){.job = job};
    mapping->compared = job->channels - job->positions;
    mapping->related = job->positions + (job->kind == DOT             ? 1
                                         : job->kind == CONCATENATION ? 2 * mapping->compared
                                                                      : mapping->compared);
    int64_t related = mapping->related, hidden = job->layers == 2 ? job->hidden : 0;
    mapping->depth = job->layers == 2 ? job->hidden : related;
    mapping->partial = backward ? lay_out_partial(&partial, mapping, NULL) : 0;
    mapping->scale = take(&scratch, related, 0);
    mapping->shift = take(&scratch, related, 0);
    mapping->weight = take(&scratch, hidden * related, 0);
    mapping->bias = take(&scratch, hidden, 0);
    if (backward) {
        mapping->quadratic = take(&scratch, related * related, 0);
        mapping->constant = take(&scratch, related, 0);
        mapping->lost = take(&scratch, related, 0);
        mapping->slope = take(&scratch, related, 0);
        mapping->partials = take(&scratch, job->batch * mapping->partial, 0);
    } else {
        mapping->moments = (double *)take(&scratch, 4 * job->batch * most(related, hidden), 0);
    }
    return scratch.used;
}

/* Returns NULL where memory is short. */
static float *open_mapping(Mapping *mapping, const Pairwise *job, int backward)
{
    int64_t bytes = (lay_out_mapping(mapping, job, backward, NULL) * (int64_t)sizeof(float) + ALIGNMENT);
    bytes = bytes / ALIGNMENT * ALIGNMENT;
    float *memory = aligned_alloc(ALIGNMENT, bytes);
    if (!memory)
        return NULL;
    memset(memory, 0, bytes);
    lay_out_mapping(mapping, job, backward, memory);
    return memory;
}

static int run(const Mapping *mapping, int needs, void (*work)(const void *, int64_t, float *))
{
    Image image;
    Tasks tasks = {work, mapping, mapping->job->batch, lay_out(&image, mapping, needs, NULL), 0};
    return do_tasks(&tasks, mapping->job->threads);
}

/* Joins the moments of all images (Chan, Golub, LeVeque 1983). */
static void join_moments(const Mapping *mapping, int64_t channels, float *mean, float *variance)
{
    const Pairwise *job = mapping->job;
    double each = (double)(job->height * job->width * job->kernel_size * job->kernel_size);
    for (int64_t r = 0; r < channels; r++) {
        double count = 0, middle = 0, squares = 0;
        for (int64_t task = 0; task < job->batch; task++) {
            const double *moments = mapping->moments + (task * channels + r) * 2;
            double distance = moments[0] - middle, all = count + each;
            middle += distance * each / all;
            squares += moments[1] + distance * distance * count * each / all;
            count = all;
        }
        mean[r] = (float)middle;
        variance[r] = (float)(squares / count);
    }
}

static double deviation(const Pairwise *job, int layer, int64_t channel)
{
    return sqrt(job->variance[layer][channel] + job->eps[layer]);
}

static void fold_first_norm(const Mapping *mapping)
{
    const Pairwise *job = mapping->job;
    for (int64_t r = 0; r < mapping->related; r++) {
        double scale = job->norm_weight[0][r] / deviation(job, 0, r);
        mapping->scale[r] = (float)scale;
        mapping->shift[r] = (float)(job->norm_bias[0][r] - scale * job->mean[0][r]);
    }
}

static void fold_second_norm(const Mapping *mapping)
{
    const Pairwise *job = mapping->job;
    int64_t related = mapping->related;
    for (int64_t h = 0; h < job->hidden && job->layers == 2; h++) {
        double scale = job->norm_weight[1][h] / deviation(job, 1, h);
        mapping->bias[h] = (float)(job->norm_bias[1][h] - scale * job->mean[1][h]);
        for (int64_t r = 0; r < related; r++)
            mapping->weight[h * related + r] = (float)(scale * job->weight[0][h * related + r]);
    }
}

/* Returns 1 where memory was short, else 0. Writes out and lse, and the statistics of norms that use the batch's. */
int pairwise_attention_forward(const Pairwise *job)
{
    Mapping mapping;
    float *memory = open_mapping(&mapping, job, 0);
    int failed = !memory;
    if (!failed && job->own[0]) {
        for (int64_t r = 0; r < mapping.related; r++)
            mapping.scale[r] = 1;
        failed = run(&mapping, RELATIONS, relation_moments_task);
        join_moments(&mapping, mapping.related, job->mean[0], job->variance[0]);
    }
    if (!failed)
        fold_first_norm(&mapping);
    if (!failed && job->layers == 2 && job->own[1]) {
        failed = run(&mapping, RELATIONS | HIDDEN, hidden_moments_task);
        join_moments(&mapping, job->hidden, job->mean[1], job->variance[1]);
    }
    if (!failed) {
        fold_second_norm(&mapping);
        failed = run(&mapping, RELATIONS | HIDDEN | FORWARD, forward_task);
    }
    free(memory);
    return failed;
}

/* The sum of one number over all tasks; `first` is that of the first. */
static double over_tasks(const Mapping *mapping, const float *first)
{
    double sum = 0;
    for (int64_t task = 0; task < mapping->job->batch; task++)
        sum += first[task * mapping->partial];
    return sum;
}

/* The gradients of the second norm's and the first layer's parameters, as they are without corrections; and what
   corrections need of them: `constant` and `quadratic`. `slopes` and `constants` are of the hidden channels. */
static void finish_hidden(const Mapping *mapping, const Partial *first, double count, double *constants, double *slopes)
{
    const Pairwise *job = mapping->job;
    int64_t related = mapping->related;
    for (int64_t h = 0; h < job->hidden; h++) {
        double sum = over_tasks(mapping, first->hidden + h), product = 0, spread = deviation(job, 1, h);
        double scale = job->norm_weight[1][h] / spread;
        for (int64_t r = 0; r < related; r++) {
            double of_weight = over_tasks(mapping, first->first + h * related + r);
            product += job->weight[0][h * related + r] * of_weight;
            job->grad_weight[0][h * related + r] = (float)(scale * of_weight);
        }
        product = (product - job->mean[1][h] * sum) / spread;
        job->grad_norm_bias[1][h] = (float)sum;
        job->grad_norm_weight[1][h] = (float)product;
        slopes[h] = scale * product / count / spread;
        constants[h] = scale * sum / count - slopes[h] * job->mean[1][h];
        for (int64_t r = 0; r < related; r++) {
            double weight = job->weight[0][h * related + r];
            mapping->constant[r] -= (float)(weight * constants[h]);
            for (int64_t s = 0; s < related; s++)
                mapping->quadratic[r * related + s] -= (float)(weight * slopes[h] * job->weight[0][h * related + s]);
        }
    }
}

/* Takes from the first weight's gradient what the statistics of the hidden layer do. */
static void correct_first_weight(const Mapping *mapping, const Partial *first, const double *constants,
                                 const double *slopes)
{
    const Pairwise *job = mapping->job;
    int64_t related = mapping->related;
    double products[related];
    for (int64_t r = 0; r < related; r++) {
        double active = over_tasks(mapping, first->active + r);
        for (int64_t s = 0; s < related; s++)
            products[s] = over_tasks(mapping, first->squares + most(r, s) * related + least(r, s));
        for (int64_t h = 0; h < job->hidden; h++) {
            double lost = constants[h] * active;
            for (int64_t s = 0; s < related; s++)
                lost += slopes[h] * job->weight[0][h * related + s] * products[s];
            job->grad_weight[0][h * related + r] -= (float)lost;
        }
    }
}

/* The gradients of the first norm's parameters, and what corrections need of them. */
static void finish_relation(const Mapping *mapping, const Partial *first, double count)
{
    const Pairwise *job = mapping->job;
    for (int64_t r = 0; r < mapping->related; r++) {
        double sum = over_tasks(mapping, first->relation + r), product = 0, spread = deviation(job, 0, r);
        for (int64_t task = 0; task < job->batch; task++)
            product += *(const double *)((const float *)(first->products + r) + task * mapping->partial);
        product = (product - job->mean[0][r] * sum) / spread;
        job->grad_norm_bias[0][r] = (float)sum;
        job->grad_norm_weight[0][r] = (float)product;
        double slope = job->own[0] ? product / count / spread : 0;
        mapping->slope[r] = (float)slope;
        mapping->lost[r] = (float)(job->own[0] ? sum / count - slope * job->mean[0][r] : 0);
    }
}

/* Returns 1 where memory was short, else 0. Reads the statistics, writes all gradients. */
int pairwise_attention_backward(const Pairwise *job)
{
    Mapping mapping;
    float *memory = open_mapping(&mapping, job, 1);
    if (!memory)
        return 1;
    double count = (double)(job->batch * job->height * job->width * job->kernel_size * job->kernel_size);
    Partial first = partial_of(&mapping, 0);
    double constants[job->hidden], slopes[job->hidden];
    fold_first_norm(&mapping);
    fold_second_norm(&mapping);
    int failed = run(&mapping, RELATIONS | HIDDEN | BACKWARD, backward_task), last = (int)job->layers - 1;
    for (int64_t i = 0; i < job->weight_channels * mapping.depth; i++)
        job->grad_weight[last][i] = (float)over_tasks(&mapping, first.last + i);
    if (!failed && job->layers == 2) {
        finish_hidden(&mapping, &first, count, constants, slopes);
        if (job->own[1]) {
            failed = run(&mapping, RELATIONS | CORRECTION, hidden_correction_task);
            correct_first_weight(&mapping, &first, constants, slopes);
        }
    }
    finish_relation(&mapping, &first, count);
    if (!failed && job->own[0] && job->kind == DOT)
        failed = run(&mapping, RELATIONS | CORRECTION, dot_correction_task);
    if (!failed)
        failed = run(&mapping, PLANES, finish_relation_task);
    free(memory);
    return failed;
}
