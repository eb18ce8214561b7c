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
} Tasks;

typedef struct {
    Tasks *tasks;
    float *scratch;
} Worker;

static int64_t scratch_bytes(const Tasks *tasks)
{
    return (tasks->floats * (int64_t)sizeof(float) + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
}

static void *take_tasks(void *one)
{
    const Worker *worker = one;
    Tasks *tasks = worker->tasks;
    memset(worker->scratch, 0, scratch_bytes(tasks));
    for (int64_t task; (task = __atomic_fetch_add(&tasks->next, 1, __ATOMIC_RELAXED)) < tasks->count;)
        tasks->work(tasks->job, task, worker->scratch);
    return NULL;
}

/* Does all tasks on up to `threads` threads, this one among them. Returns 0, or 1 where memory was short.

   Threads live as long as the call: starting one takes some 20 microseconds, and none is left over that a fork
   would lose. Their memory comes from the calling thread, whose heap keeps what it frees: that of a new thread would be
   new to it, page by page. Which thread does a task changes nothing of its result. */
static int do_tasks(Tasks *tasks, int64_t threads)
{
    pthread_t others[MOST_THREADS];
    Worker workers[MOST_THREADS + 1];
    int64_t most_wanted = threads < MOST_THREADS + 1 ? threads : MOST_THREADS + 1, started = 0;
    int64_t wanted = most_wanted < tasks->count ? most_wanted : tasks->count, bytes = scratch_bytes(tasks);
    if (wanted < 1)
        wanted = 1;
    float *scratch = aligned_alloc(ALIGNMENT, wanted * bytes);
    if (!scratch)
        return 1;
    for (int64_t i = 0; i < wanted; i++)
        workers[i] = (Worker){tasks, scratch + i * (bytes / (int64_t)sizeof(float))};
    while (started + 1 < wanted && pthread_create(&others[started], NULL, take_tasks, &workers[started + 1]) == 0)
        started++;
    take_tasks(&workers[0]);
    while (started > 0)
        pthread_join(others[--started], NULL);
    free(scratch);
    return 0;
}

#endif
