/* Tasks dealt out to threads. */
#ifndef SASA_NAS_TASKS_H
#define SASA_NAS_TASKS_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "vectors.h"

#define MOST_THREADS 256

/* What all threads share: each takes the next task until none is left, and has `floats` zeroed floats to work in. */
typedef struct Tasks {
    void (*work)(const void *job, int64_t task, float *scratch);
    const void *job;
    int64_t count, floats, next;
    int failed;
} Tasks;

static void *take_tasks(void *shared)
{
    Tasks *tasks = shared;
    int64_t bytes = (tasks->floats * (int64_t)sizeof(float) + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    float *scratch = aligned_alloc(ALIGNMENT, bytes);
    if (!scratch) {
        __atomic_store_n(&tasks->failed, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    memset(scratch, 0, bytes);
    for (int64_t task; (task = __atomic_fetch_add(&tasks->next, 1, __ATOMIC_RELAXED)) < tasks->count;)
        tasks->work(tasks->job, task, scratch);
    free(scratch);
    return NULL;
}

/* Does all tasks on up to `threads` threads, this one among them. Returns 0, or 1 where memory was short.

   Threads live as long as the call: starting one takes some 20 microseconds, and none is left over that a fork
   would lose. Which thread does a task changes nothing of its result. */
static int do_tasks(Tasks *tasks, int64_t threads)
{
    pthread_t others[MOST_THREADS];
    int64_t wanted = threads < tasks->count ? threads : tasks->count, started = 0;
    while (started + 1 < wanted && started < MOST_THREADS &&
           pthread_create(&others[started], NULL, take_tasks, tasks) == 0)
        started++;
    take_tasks(tasks);
    while (started > 0)
        pthread_join(others[--started], NULL);
    return tasks->failed;
}

#endif
