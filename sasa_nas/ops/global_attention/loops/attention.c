/* Whole-map attention of float32 on a CPU, forward and backward; see naive.py for the equation.

   One task is one head of one image. Its maps are copied into planes (windows.h). A group of LANES neighbouring queries
   of the flattened map, or of twice as many, goes over all keys, a few neighbours of a row at a time, whose numbers are
   broadcast: their logits and weights are in registers, and none are kept. Of the relative logits q.r those of every
   row of keys and of every column are kept, H + W numbers a query; a key's is the sum of two.

   The forward pass takes the peak of the logits off only where their size does not rule out that exponentials overflow.
   The backward pass computes the weights p again from the log-sum-exp. With g the gradient of the output o,
       dp_ij = g_i . v_j,   ds_ij = p_ij (dp_ij - g_i . o_i),   dq_i = sum_j ds_ij (k_j + r_ij),
       dk_j = sum_i ds_ij q_i,   dv_j = sum_i p_ij g_i,   dr_o = sum_(i, j at offset o) ds_ij q_i.
   Of dk and dv every lane has a sum of its own; these are put together when all queries have been there. The sums of ds
   over a row of keys, and over a column, are what the embeddings' gradients need. Nothing is added up in an order that
   depends on the threads. */

#include "backward.h"
#include "forward.h"
#include "tasks.h"

/* Does the tasks with the tables laid out. Returns 1 where memory was short, else 0. */
static int with_tables(const Attention *job, Tasks *tasks, Call *call, int backward)
{
    Tables tables;
    Head head;
    int64_t floats = lay_out_tables(&tables, job, NULL);
    float *memory = aligned_alloc(ALIGNMENT, most(floats, LANES) * sizeof(float));
    if (!memory)
        return 1;
    memset(memory, 0, floats * sizeof(float)); /* places beyond the map are read for lanes without a query */
    lay_out_tables(&tables, job, memory);
    read_tables(&tables, job);
    *call = (Call){job, &tables};
    tasks->count = job->batch * job->heads;
    tasks->floats = lay_out(&head, job, &tables, backward, NULL);
    int failed = do_tasks(tasks, job->threads);
    free(memory);
    return failed;
}

/* Writes out and lse. Returns 1 where memory was short, else 0. */
int global_attention_forward(const Attention *job)
{
    Call call;
    Tasks tasks = {.work = forward_task, .job = &call};
    return with_tables(job, &tasks, &call, 0);
}

/* Writes the gradients of query, key and value, and adds to those of the tables. Returns as above. */
int global_attention_backward(const Attention *job)
{
    int64_t rows = 2 * job->height - 1, cols = 2 * job->width - 1, count = job->batch * job->heads;
    int64_t floats = job->rel_rows.data ? job->key_dim * (rows + cols) : 0;
    Backward all = {.table_gradients = malloc(most(1, count * floats) * sizeof(float)), .floats = floats};
    float *sums = calloc(most(1, floats), sizeof(float));
    Tasks tasks = {.work = backward_task, .job = &all};
    int failed = !all.table_gradients || !sums || with_tables(job, &tasks, &all.call, 1);
    if (!failed && floats) {
        for (int64_t task = 0; task < count; task++)
            for (int64_t i = 0; i < floats; i++)
                sums[i] += all.table_gradients[task * floats + i];
        add_table(&job->grad_rel_rows, sums, rows + cols, rows, job->key_dim);
        add_table(&job->grad_rel_cols, sums + rows, rows + cols, cols, job->key_dim);
    }
    free(all.table_gradients);
    free(sums);
    return failed;
}
