/* The way back: through the attention and the last layer, through the first one, and what statistics of the batch add. */
#ifndef SASA_NAS_BACKWARD_H
#define SASA_NAS_BACKWARD_H

#include "forward.h"

/* The gradients of weights and values from those of the sums: `weight_gradient` is written, or added to. */
INLINE void spread_windows(int count, const Images *group, const Block *block, const float *weights, int64_t step,
                           const float *shown, const float *gradient, int64_t gradient_step, float *weight_gradient,
                           int64_t to_step, int more, float *landed)
{
    /* copies, as what is stored might be theirs for all that the compiler knows */
    const int64_t *window = group->window, *land = group->land;
    int64_t area = group->area, shown_step = group->shown, landings = group->landings, vectors = block->count;
    for (int64_t v = 0; v < vectors; v++) {
        Vector factors[MOST_SUMS];
        UNROLL
        for (int c = 0; c < count; c++)
            factors[c] = load(gradient + c * gradient_step + v * LANES);
        const float *weight = weights + v * LANES, *seen = shown + block->seen[v];
        float *to = weight_gradient + v * LANES, *landing = landed + block->lands[v];
        for (int64_t j = 0; j < area; j++, weight += step, to += to_step) {
            Vector here = load(weight), sum = more ? load(to) : (Vector){0};
            const float *from = seen + window[j];
            float *at = landing + land[j];
            UNROLL
            for (int c = 0; c < count; c++, from += shown_step, at += landings) {
                sum += factors[c] * load(from);
                store(at, load(at) + factors[c] * here);
            }
            store(to, sum);
        }
    }
}

/* Goes back through the second layer with a block's gradients of one weight channel. */
static void last_layer_back(const Work *work, const Patchwise *job, const Block *block, int64_t channel,
                            const Partial *partial)
{
    const Images *group = &work->group;
    const Layer *layer = &job->second;
    int64_t first = channel * group->area * layer->in;
    Matrix transposed = {layer->weight + first, 1, layer->in};
    add_multiplied_planes(layer->in, group->area, block->count, transposed, NULL, work->weight_gradient, STAGED,
                          work->hidden_gradient + block->at, group->plane);
    add_outer_products(group->area, layer->in, block->count, work->weight_gradient, STAGED,
                       work->rectified + block->at, group->plane, partial->second + first, layer->in);
}

/* Adds LANES numbers' totals to sums, and clears them. */
static void add_totals(float *lanes, int64_t count, float *sums)
{
    for (int64_t j = 0; j < count; j++, lanes += LANES) {
        sums[j] += total(load(lanes));
        store(lanes, (Vector){0});
    }
}

/* The gradients of a group's values, and of what yields the weights: `hidden_gradient`, that of the second layer's
   input, or that of the only layer's output. */
static void attend_back(const Work *work, const Patchwise *job, const Partial *partial)
{
    const Images *group = &work->group;
    int64_t two = job->layers == 2, area = group->area;
    read_planes(group, &job->value, 0, job->values, work->value);
    read_planes(group, &job->grad_out, 0, job->values, work->out);
    memset(work->grad_value, 0, job->values * group->plane * sizeof(float));
    memset(work->hidden_gradient, 0, job->first.out * group->plane * sizeof(float));
    memset(work->landed, 0, MOST_SUMS * group->landings * sizeof(float));
    memset(work->lanes, 0, area * LANES * sizeof(float));
    for (int64_t channel = 0; channel < job->weights; channel++) {
        FOR_SHARED(job, channel, first, count) {
            int64_t shared_step = job->weights * group->plane;
            show_values(work, job, first, count);
            FOR_BLOCKS(group, block) {
                int64_t step;
                const float *weights = weights_of(work, job, &block, channel, &step);
                float *to = two ? work->weight_gradient
                                : work->hidden_gradient + channel * area * group->plane + block.at;
                WITH_CONSTANT(count, spread_windows, group, &block, weights, step, work->shown,
                              work->out + first * group->plane + block.at, shared_step, to,
                              two ? STAGED : group->plane, !two && first >= job->weights, work->landed)
                for (int64_t j = 0; j < area && partial->bias && (two || first + count * job->weights >= job->values);
                     j++)
                    for (int64_t v = 0; v < block.count; v++)
                        store(work->lanes + j * LANES, load(work->lanes + j * LANES) +
                                                           load(to + j * (two ? STAGED : group->plane) + v * LANES));
                if (two)
                    last_layer_back(work, job, &block, channel, partial);
            }
            for (int64_t c = 0; c < count; c++)
                add_landed(group, work->landed + c * group->landings, work->keys.row,
                           work->grad_value + first * group->plane + c * shared_step);
        }
        add_totals(work->lanes, area, partial->bias + channel * area);
    }
    write_planes(group, &job->grad_value, 0, job->values, work->grad_value);
}

/* Goes back through the second norm's ReLU; the sums of its gradient, and of the product with what it yields. */
static void rectify_back(const Work *work, const Pass *pass, const Partial *partial)
{
    const Images *group = &work->group;
    const Norm *norm = &pass->second;
    for (int64_t o = 0; o < pass->job->second.in; o++) {
        Vector scale = splat(norm->scale[o]), offset = splat(norm->offset[o]), sum = {0};
        Vector inverse = splat(norm->inverse[o]), shift = splat(norm->shift[o]), product = {0};
        const float *from = work->hidden + o * group->plane;
        float *gradient = work->hidden_gradient + o * group->plane;
        for (int64_t i = 0; i < group->vectors * LANES; i += LANES) {
            Vector x = load(from + i), grad = where(~(x * scale + offset <= 0), load(gradient + i));
            store(gradient + i, grad);
            sum += grad;
            product += grad * (x * inverse + shift);
        }
        partial->hidden_sums[o] += total(sum);
        partial->hidden_products[o] += total(product);
    }
}

/* Turns the gradient of what the second norm yields into that of the first layer's output, which it normalises. */
static void norm_back(const Work *work, const Pass *pass)
{
    const Images *group = &work->group;
    const Norm *norm = &pass->second;
    for (int64_t o = 0; o < pass->job->second.in; o++) {
        Vector scale = splat(norm->scale[o]), mean = splat(norm->mean[o]), product = splat(norm->product[o]);
        Vector inverse = splat(norm->inverse[o]), shift = splat(norm->shift[o]);
        const float *from = work->hidden + o * group->plane;
        float *gradient = work->hidden_gradient + o * group->plane;
        for (int64_t v = 0; v < group->vectors; v++) {
            Vector yields = load(from + v * LANES) * inverse + shift;
            Vector grad = scale * (load(gradient + v * LANES) - mean - yields * product);
            store(gradient + v * LANES, where(lanes_of(group, v), grad));
        }
    }
}

/* Goes back through the first layer and its norm, statistics taken for constants. */
static void first_layer_back(const Work *work, const Pass *pass, const Partial *partial)
{
    const Patchwise *job = pass->job;
    const Images *group = &work->group;
    const Layer *layer = &job->first;
    const Keys *keys = &work->keys;
    float *sums = work->lanes, *products = work->lanes + most_related(job) * LANES;
    memset(work->lanes, 0, 2 * most_related(job) * LANES * sizeof(float));
    clear_gradients(keys, group);
    for (int64_t i = 0; i < chunks_of(job); i++) {
        Chunk chunk = chunk_of(job, i);
        Matrix weight = slice_of(work, layer, &chunk), transposed = {weight.at, 1, weight.row};
        FOR_BLOCKS(group, block) {
            Rows rows = relate(keys, group, &block, &chunk);
            const float *gradient = work->hidden_gradient + block.at;
            activate(&rows, chunk.count, block.count, &pass->first, chunk.first, work->activated);
            add_outer_products(layer->out, chunk.count, block.count, gradient, group->plane, work->activated, STAGED,
                               partial->first + chunk.first, layer->in);
            multiply_planes(chunk.count, layer->out, block.count, transposed, NULL, gradient, group->plane,
                            work->gradient, STAGED);
            Landing to = landing_of(keys, group, &block, &chunk, work->gradient);
            pass_back(&rows, chunk.count, block.count, &pass->first, chunk.first, work->gradient, sums, products,
                      &to);
            if (job->kind != CONCATENATION)
                spread_products(keys, group, &block, &chunk, work->gradient);
        }
        add_totals(sums, chunk.count, partial->sums + chunk.first);
        add_totals(products, chunk.count, partial->products + chunk.first);
        if (chunk.is_key)
            finish_channel(keys, group, chunk.channel);
    }
    finish_gradients(keys, group);
}

/* The gradients of values and of what the second norm yields, or, of one layer, all but what statistics add. */
static void last_back_pass(const void *shared, int64_t slot, float *scratch)
{
    const Pass *pass = shared;
    const Patchwise *job = pass->job;
    int64_t two = job->layers == 2;
    Partial partial = partial_of(pass, slot, NULL);
    Work work;
    take_work(&work, pass, HIDDEN | HIDDEN_GRADIENT | VALUES | VALUE_GRADIENTS | (two ? 0 : KEYS | KEY_GRADIENTS),
              scratch);
    FOR_GROUPS(pass, slot, &work) {
        if (two) {
            read_planes(&work.group, &job->hidden, 0, job->second.in, work.hidden);
            rectify(&work, pass);
            attend_back(&work, job, &partial);
            rectify_back(&work, pass, &partial);
            write_planes(&work.group, &pass->hidden_gradient, 0, job->second.in, work.hidden_gradient);
        } else {
            read_keys(&work.keys, &work.group, 1);
            first_layer(&work, pass);
            attend_back(&work, job, &partial);
            first_layer_back(&work, pass, &partial);
        }
    }
}

/* Of two layers: the gradients of queries and keys, but for what the first norm's statistics add. */
static void first_back_pass(const void *shared, int64_t slot, float *scratch)
{
    const Pass *pass = shared;
    const Patchwise *job = pass->job;
    Partial partial = partial_of(pass, slot, NULL);
    Work work;
    take_work(&work, pass, HIDDEN | HIDDEN_GRADIENT | KEYS | KEY_GRADIENTS, scratch);
    FOR_GROUPS(pass, slot, &work) {
        read_planes(&work.group, &job->hidden, 0, job->second.in, work.hidden);
        read_planes(&work.group, &pass->hidden_gradient, 0, job->second.in, work.hidden_gradient);
        norm_back(&work, pass);
        read_keys(&work.keys, &work.group, 1);
        first_layer_back(&work, pass, &partial);
    }
}

/* What the first norm's statistics add to the gradients of queries and keys. */
static void correction_pass(const void *shared, int64_t slot, float *scratch)
{
    const Pass *pass = shared;
    const Patchwise *job = pass->job;
    Work work;
    take_work(&work, pass, KEYS | KEY_GRADIENTS, scratch);
    const Images *group = &work.group;
    const Keys *keys = &work.keys;
    FOR_GROUPS(pass, slot, &work) {
        if (job->kind == CONCATENATION) {
            for (int64_t i = 0; i < group->images; i++)
                add_corrections(job, group->batch + i, &pass->correction);
            continue;
        }
        read_keys(keys, group, 1);
        clear_gradients(keys, group);
        read_planes(group, &job->grad_query, 0, job->keys, keys->grad_query);
        read_planes(group, &job->grad_key, 0, job->keys, keys->grad_key);
        for (int64_t i = 0; i < chunks_of(job); i++) {
            Chunk chunk = chunk_of(job, i);
            FOR_BLOCKS(group, block) {
                Rows rows = relate(keys, group, &block, &chunk);
                for (int64_t j = 0; j < chunk.count; j++) {
                    double add, times;
                    correction_of(&pass->first, chunk.first + j, &add, &times);
                    for (int64_t v = 0; v < block.count; v++) {
                        Vector grad = load(row_of(&rows, j) + v * LANES) * (float)times + (float)add;
                        store(work.gradient + j * STAGED + v * LANES, where(lanes_of(group, block.first + v), grad));
                    }
                }
                spread_products(keys, group, &block, &chunk, work.gradient);
            }
        }
        finish_gradients(keys, group);
    }
}

#endif
