/* Window attention of float32 on a CPU, forward and backward; see naive.py for the equation.

   The backward pass computes the weights p again from the log-sum-exp of the logits. With g the gradient of the output,
       dp_ij = g_i . v_j,   ds_ij = p_ij (dp_ij - sum_k p_ik dp_ik),
       dq_i = sum_j ds_ij (k_j + r_ij),   dk_j = sum_i ds_ij q_i,   dv_j = sum_i p_ij g_i,   dr_o = sum_i ds_io q_i.
   Nothing is added up in an order that depends on the threads.

   Where there are many heads, those of all images counted, one task is LANES of them, each in a lane of its own
   (group.h): no lane is spent beyond the map, and the sums over i are added to where they belong.

   Where there are few, one task is one head of one image. Its query, key and value are copied into planes (windows.h),
   and LANES neighbouring queries are handled at a time: the logits of their windows, the softmax and the weighted sum of
   values are all in cache. Pixels beyond the map get a logit of -inf (`mask`) or their contents zeroed (`zeros`). The
   sums over i are gathered by key: p and ds are put down at the key's place, in a band of the map that moves down with
   the queries, and summed when all queries that see the key have been there. */

#include "backward.h"
#include "forward.h"
#include "group_backward.h"
#include "group_forward.h"
#include "tasks.h"

/* Floats that a thread works in: those of the wider layout. */
static int64_t scratch_floats(const Attention *job, int backward)
{
    Head head;
    int64_t radius = least(job->kernel_size, 2 * job->width - 1) / 2;
    if (job->zeros)
        radius = job->kernel_size / 2;
    return lay_out(&head, job, job->width + radius, backward, NULL);
}

#define FEWEST_GROUPS 4   /* fewer would leave threads without a task */
#define MOST_CHANNELS 128 /* of key and value: with more, windows of LANES heads leave the cache */

static int64_t groups_of(const Attention *job) { return (job->batch * job->heads + LANES - 1) / LANES; }

/* Whether heads are worked on in groups. It depends on shapes alone. */
static int is_grouped(const Attention *job)
{
    return groups_of(job) >= FEWEST_GROUPS && job->key_dim + job->value_dim <= MOST_CHANNELS;
}

static int grouped_forward(const Attention *job)
{
    Group group;
    Tasks tasks = {group_forward_task, job, groups_of(job), lay_out_group(&group, job, 0, 0, NULL), 0};
    return do_tasks(&tasks, job->threads);
}

static int grouped_backward(const Attention *job)
{
    Group group;
    int64_t floats = lay_out_group(&group, job, 0, 1, NULL), count = groups_of(job);
    int64_t bytes = most(1, count * group.sides * job->key_dim) * (int64_t)sizeof(Vector);
    GroupBackward all = {*job, aligned_alloc(ALIGNMENT, bytes)};
    if (!all.table_gradients)
        return 1;
    Tasks tasks = {group_backward_task, &all, count, floats, 0};
    int failed = do_tasks(&tasks, job->threads);
    if (job->rel_rows.data && !failed)
        add_table_gradients(&all);
    free(all.table_gradients);
    return failed;
}

/* Writes out and lse. Returns 1 where memory was short, else 0. */
int local_attention_forward(const Attention *job)
{
    if (is_grouped(job))
        return grouped_forward(job);
    Tasks tasks = {forward_task, job, job->batch * job->heads, scratch_floats(job, 0), 0};
    return do_tasks(&tasks, job->threads);
}

/* Writes the gradients of query, key and value, and adds to those of the tables. Returns as above. */
int local_attention_backward(const Attention *job)
{
    if (is_grouped(job))
        return grouped_backward(job);
    Head shape;
    lay_out(&shape, job, job->width, 1, NULL);
    const Window *window = &shape.window;
    int64_t floats = job->key_dim * shape.sides, count = job->batch * job->heads;
    Backward all = {*job, malloc(most(1, count * floats) * sizeof(float)), shape.sides};
    if (!all.table_gradients)
        return 1;
    Tasks tasks = {backward_task, &all, count, scratch_floats(job, 1), 0};
    int failed = do_tasks(&tasks, job->threads);
    for (int64_t task = 0; task < count && job->rel_rows.data && !failed; task++) {
        const float *from = all.table_gradients + task * floats;
        add_table(&job->grad_rel_rows, task % job->heads, from, shape.sides, (job->kernel_size - window->rows) / 2,
                  window->rows, job->key_dim);
        add_table(&job->grad_rel_cols, task % job->heads, from + window->rows, shape.sides,
                  (job->kernel_size - window->cols) / 2, window->cols, job->key_dim);
    }
    free(all.table_gradients);
    return failed;
}
