/* What a task's successor reads, fetched a little at a time while the task computes. */
#ifndef SASA_NAS_AHEAD_H
#define SASA_NAS_AHEAD_H

#include "maps.h"

#define MOST_RANGES 8
#define CACHE_LINE 64

typedef struct {
    const char *from[MOST_RANGES], *to[MOST_RANGES];
    int64_t ranges, step; /* bytes to fetch at a time */
} Ahead;

/* Adds one image of a map, of `floats` floats: more than that, where its strides are of a larger tensor, is not worth
   a fetch. */
static void look_ahead(Ahead *ahead, const Map *map, int64_t batch, int64_t floats)
{
    const float *from = map->data + batch * map->strides[0];
    if (map->strides[0] != floats || ahead->ranges == MOST_RANGES)
        return;
    ahead->from[ahead->ranges] = (const char *)from;
    ahead->to[ahead->ranges++] = (const char *)(from + floats);
}

/* Sets how much to fetch at a time, so that `times` will do. */
static void divide(Ahead *ahead, int64_t times)
{
    int64_t bytes = 0;
    for (int64_t i = 0; i < ahead->ranges; i++)
        bytes += ahead->to[i] - ahead->from[i];
    ahead->step = bytes / times / CACHE_LINE * CACHE_LINE + CACHE_LINE;
}

/* Fetches the next step of one range. */
INLINE void fetch(Ahead *ahead)
{
    if (ahead->ranges == 0)
        return;
    const char **from = &ahead->from[ahead->ranges - 1], *to = ahead->to[ahead->ranges - 1];
    for (int64_t i = 0; i < ahead->step && *from < to; i += CACHE_LINE, *from += CACHE_LINE)
        __builtin_prefetch(*from, 0, 2);
    ahead->ranges -= *from >= to;
}

#endif
