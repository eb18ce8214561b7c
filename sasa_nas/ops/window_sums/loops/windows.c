/* Sums over windows of float32 maps that are reflected at their edges, on a CPU; see slices.py for the equations.

   One task is a few weight channels of one image and the channels that they weigh, up to MOST_SUMS groups of them at a
   time. Every number is summed by one task in a fixed order: the number of threads changes no bit. */

#include "sums.h"
#include "tasks.h"

/* Calls `sum` for every channel of the task and every few groups of it. */
#define FOR_GROUPS(task, first, count)                                                                                 \
    for (int64_t first = 0, count; count = least((task)->job->groups - first, MOST_SUMS), count > 0; first += count)

static void read_weights(const Task *task)
{
    if (task->weights)
        copy_planes(task, &task->job->weights, 0, task->area, task->area, task->weights, 0);
}

static void weighted_sums_task(const void *job, int64_t number, float *scratch)
{
    Task task;
    open_task(&task, job, number, scratch);
    read_weights(&task);
    FOR_GROUPS(&task, group, count) {
        copy_planes(&task, &task.job->shown, group, count, MOST_SUMS, task.shown, 0);
        for (int64_t channel = 0, step; channel < task.channels; channel++) {
            const float *weights = weights_of(&task, channel, &step);
            make_strips(&task, channel, count);
            WITH_CONSTANT(count, weigh, &task, weights, step, task.center + channel * MOST_SUMS * task.plane)
        }
        copy_planes(&task, &task.job->center, group, count, MOST_SUMS, task.center, 1);
    }
}

static void products_task(const void *job, int64_t number, float *scratch)
{
    Task task;
    open_task(&task, job, number, scratch);
    FOR_GROUPS(&task, group, count) {
        copy_planes(&task, &task.job->center, group, count, MOST_SUMS, task.center, 0);
        copy_planes(&task, &task.job->shown, group, count, MOST_SUMS, task.shown, 0);
        for (int64_t channel = 0, step; channel < task.channels; channel++) {
            float *weights = weights_of(&task, channel, &step);
            make_strips(&task, channel, count);
            multiply(&task, weights, step, task.center + channel * MOST_SUMS * task.plane, count, group > 0);
        }
    }
}

static void spread_sums_task(const void *job, int64_t number, float *scratch)
{
    Task task;
    open_task(&task, job, number, scratch);
    read_weights(&task);
    FOR_GROUPS(&task, group, count) {
        copy_planes(&task, &task.job->center, group, count, MOST_SUMS, task.center, 0);
        for (int64_t channel = 0, step; channel < task.channels; channel++) {
            const float *weights = weights_of(&task, channel, &step);
            memset(task.shifted, 0, count * task.strips * sizeof(float));
            WITH_CONSTANT(count, spread, &task, weights, step, task.center + channel * MOST_SUMS * task.plane)
            add_strips(&task, channel, count);
        }
        copy_planes(&task, &task.job->shown, group, count, MOST_SUMS, task.shown, 1);
    }
}

static void comparisons_task(const void *job, int64_t number, float *scratch)
{
    Task task;
    open_task(&task, job, number, scratch);
    if (task.job->center.data)
        copy_planes(&task, &task.job->center, 0, 1, MOST_SUMS, task.center, 0);
    copy_planes(&task, &task.job->shown, 0, 1, MOST_SUMS, task.shown, 0);
    for (int64_t channel = 0, step; channel < task.channels; channel++) {
        float *weights = weights_of(&task, channel, &step);
        make_strips(&task, channel, 1);
        compare(&task, weights, step, task.job->center.data ? task.center + channel * MOST_SUMS * task.plane : NULL);
    }
}

static void comparison_sums_task(const void *job, int64_t number, float *scratch)
{
    Task task;
    open_task(&task, job, number, scratch);
    read_weights(&task);
    for (int64_t channel = 0, step; channel < task.channels; channel++) {
        const float *weights = weights_of(&task, channel, &step);
        float *center = task.center + channel * MOST_SUMS * task.plane;
        memset(task.shifted, 0, task.strips * sizeof(float));
        memset(center, 0, task.plane * sizeof(float));
        collect(&task, weights, step, center);
        add_strips(&task, channel, 1);
    }
    if (task.job->center.data)
        copy_planes(&task, &task.job->center, 0, 1, MOST_SUMS, task.center, 1);
    copy_planes(&task, &task.job->shown, 0, 1, MOST_SUMS, task.shown, 1);
}

static int run(void (*work)(const void *, int64_t, float *), const Windows *job)
{
    Task shape;
    int64_t chunks = (job->weight_channels + job->chunk - 1) / job->chunk;
    Tasks tasks = {work, job, job->batch * chunks, lay_out(&shape, job, NULL), 0};
    return do_tasks(&tasks, job->threads);
}

/* All return 1 where memory was short, else 0. This one writes center from weights and shown. */
int weighted_sums(const Windows *job) { return run(weighted_sums_task, job); }

/* Writes weights from center and shown. */
int products(const Windows *job) { return run(products_task, job); }

/* Writes shown from weights and center. */
int spread_sums(const Windows *job) { return run(spread_sums_task, job); }

/* Writes weights from center, where there is one, and shown; there is one group. */
int comparisons(const Windows *job) { return run(comparisons_task, job); }

/* Writes center, where there is one, and shown from weights; there is one group. */
int comparison_sums(const Windows *job) { return run(comparison_sums_task, job); }
