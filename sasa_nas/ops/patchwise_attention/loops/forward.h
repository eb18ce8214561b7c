/* The way forward: statistics of the relation, the first layer, and the sums that its or the second layer's weights
   make of windows. */
#ifndef SASA_NAS_FORWARD_H
#define SASA_NAS_FORWARD_H

#include "task.h"

/* The moments of the relation's channels: of concatenations without looking at every pixel of every window. */
static void relation_moments(const void *shared, int64_t slot, float *scratch)
{
    const Pass *pass = shared;
    const Patchwise *job = pass->job;
    Moments *moments = pass->moments + slot * job->first.in;
    Work work;
    take_work(&work, pass, KEYS, scratch);
    const Images *group = &work.group;
    FOR_GROUPS(pass, slot, &work) {
        read_keys(&work.keys, group, job->kind != CONCATENATION);
        for (int64_t i = 0; i < chunks_of(job); i++) {
            Chunk chunk = chunk_of(job, i);
            Moments *into = moments + chunk.first;
            if (chunk.is_key) {
                add_window_moments(group, work.keys.key + chunk.channel * group->plane, work.lanes, into);
                continue;
            }
            FOR_BLOCKS(group, block) {
                Rows rows = relate(&work.keys, group, &block, &chunk);
                for (int64_t j = 0; j < chunk.count; j++)
                    merge_moments(into + j, moments_of(group, block.first, block.count, row_of(&rows, j)));
            }
        }
    }
}

/* Runs the first layer on a group of images: writes the planes of `hidden`. */
static void first_layer(const Work *work, const Pass *pass)
{
    const Images *group = &work->group;
    const Layer *layer = &pass->job->first;
    for (int64_t o = 0; o < layer->out; o++)
        for (int64_t i = 0; i < group->vectors * LANES; i += LANES)
            store(work->hidden + o * group->plane + i, splat(layer->bias ? layer->bias[o] : 0));
    for (int64_t i = 0; i < chunks_of(pass->job); i++) {
        Chunk chunk = chunk_of(pass->job, i);
        Matrix weight = slice_of(work, layer, &chunk);
        FOR_BLOCKS(group, block) {
            Rows rows = relate(&work->keys, group, &block, &chunk);
            activate(&rows, chunk.count, block.count, &pass->first, chunk.first, work->activated);
            add_multiplied_planes(layer->out, chunk.count, block.count, weight, NULL, work->activated, STAGED,
                                  work->hidden + block.at, group->plane);
        }
    }
}

INLINE void weigh_windows(int count, const Images *group, const Block *block, const float *weights, int64_t step,
                          const float *shown, float *to, int64_t to_step)
{
    const int64_t *window = group->window;
    int64_t area = group->area, shown_step = group->shown;
    for (int64_t v = 0; v < block->count; v++) {
        Vector sums[MOST_SUMS] = {{0}};
        const float *weight = weights + v * LANES, *seen = shown + block->seen[v];
        for (int64_t j = 0; j < area; j++, weight += step) {
            Vector factor = load(weight);
            const float *from = seen + window[j];
            UNROLL
            for (int c = 0; c < count; c++, from += shown_step)
                sums[c] += factor * load(from);
        }
        UNROLL
        for (int c = 0; c < count; c++)
            store(to + c * to_step + v * LANES, sums[c]);
    }
}

/* The weights of one weight channel for a block: `step` from place to place. */
static const float *weights_of(const Work *work, const Patchwise *job, const Block *block, int64_t channel,
                               int64_t *step)
{
    const Images *group = &work->group;
    if (job->layers == 1) {
        *step = group->plane;
        return work->hidden + channel * group->area * group->plane + block->at;
    }
    const Layer *layer = &job->second;
    Matrix weight = {layer->weight + channel * group->area * layer->in, layer->in, 1};
    multiply_planes(group->area, layer->in, block->count, weight,
                    layer->bias ? layer->bias + channel * group->area : NULL, work->rectified + block->at,
                    group->plane, work->weights, STAGED);
    *step = STAGED;
    return work->weights;
}

/* Channels of a map that one weight channel weighs: the first one, how many at a time, and from one to the next. */
#define FOR_SHARED(job, channel, first, count)                                                                         \
    for (int64_t group_ = 0, count, first; count = least((job)->values / (job)->weights - group_, MOST_SUMS),          \
                 first = group_ * (job)->weights + (channel), count > 0;                                               \
         group_ += count)

static void show_values(const Work *work, const Patchwise *job, int64_t first, int64_t count)
{
    const Images *group = &work->group;
    for (int64_t c = 0; c < count; c++)
        show(group, work->value + (first + c * job->weights) * group->plane, work->shown + c * group->shown);
}

/* Sums up a group's windows of value. */
static void attend(const Work *work, const Patchwise *job)
{
    const Images *group = &work->group;
    read_planes(group, &job->value, 0, job->values, work->value);
    for (int64_t channel = 0; channel < job->weights; channel++)
        FOR_SHARED(job, channel, first, count) {
            show_values(work, job, first, count);
            FOR_BLOCKS(group, block) {
                int64_t step;
                const float *weights = weights_of(work, job, &block, channel, &step);
                WITH_CONSTANT(count, weigh_windows, group, &block, weights, step, work->shown,
                              work->out + first * group->plane + block.at, job->weights * group->plane)
            }
        }
    write_planes(group, &job->out, 0, job->values, work->out);
}

/* The first layer of all images; where it is the only one, their attention too, else the moments of what it yields. */
static void first_pass(const void *shared, int64_t slot, float *scratch)
{
    const Pass *pass = shared;
    const Patchwise *job = pass->job;
    Work work;
    take_work(&work, pass, KEYS | HIDDEN | (job->layers == 1 ? VALUES : 0), scratch);
    const Images *group = &work.group;
    FOR_GROUPS(pass, slot, &work) {
        read_keys(&work.keys, group, 1);
        first_layer(&work, pass);
        if (job->layers == 1) {
            attend(&work, job);
            continue;
        }
        write_planes(group, &job->hidden, 0, job->first.out, work.hidden);
        for (int64_t o = 0; o < job->first.out && job->second.of_batch; o++)
            merge_moments(pass->moments + slot * job->first.out + o,
                          moments_of(group, 0, group->vectors, work.hidden + o * group->plane));
    }
}

/* Stages what follows the second norm. */
static void rectify(const Work *work, const Pass *pass)
{
    const Images *group = &work->group;
    for (int64_t o = 0; o < pass->job->second.in; o++) {
        Vector scale = splat(pass->second.scale[o]), offset = splat(pass->second.offset[o]);
        const float *from = work->hidden + o * group->plane;
        float *to = work->rectified + o * group->plane;
        for (int64_t i = 0; i < group->vectors * LANES; i += LANES)
            store(to + i, positive(load(from + i) * scale + offset));
    }
}

/* The second layer and the attention of all images. */
static void second_pass(const void *shared, int64_t slot, float *scratch)
{
    const Pass *pass = shared;
    const Patchwise *job = pass->job;
    Work work;
    take_work(&work, pass, HIDDEN | VALUES, scratch);
    FOR_GROUPS(pass, slot, &work) {
        read_planes(&work.group, &job->hidden, 0, job->second.in, work.hidden);
        rectify(&work, pass);
        attend(&work, job);
    }
}

#endif
