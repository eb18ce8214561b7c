/* Maps of torch, of any strides, to and from the planes of windows.h. */
#ifndef SASA_NAS_MAPS_H
#define SASA_NAS_MAPS_H

#include "windows.h"

/* A (batch, row, column, head, channel) tensor of float32, its strides in floats; `data` is NULL where there is none.
   The attention tables are (1, offset, 1, head, channel). */
typedef struct {
    float *data;
    int64_t strides[5];
} Map;

INLINE float *at(const Map *map, int64_t batch, int64_t head)
{
    return map->data + batch * map->strides[0] + head * map->strides[3];
}

/* Numbers up to this can be multiplied and summed without becoming infinite. */
#define TAME 1e15f

/* Copies one head, times `factor`, into planes of `pitch`. Returns whether all numbers are finite and tame. */
static int read_map(const Map *map, int64_t batch, int64_t head, int64_t height, int64_t width, int64_t channels,
                    float factor, const Window *window, float *planes)
{
    int wild = 0;
    int64_t step = map->strides[2];
    for (int64_t y = 0; y < height; y++) {
        for (int64_t c = 0; c < channels; c++) {
            const float *from = at(map, batch, head) + c * map->strides[4] + y * map->strides[1];
            float *to = planes + c * window->plane + y * window->pitch;
            for (int64_t x = 0; x < width; x++)
                to[x] = from[x * step] * factor;
            for (int64_t x = 0; x < width; x++)
                wild |= !(fabsf(to[x]) <= TAME);
        }
    }
    return !wild;
}

/* Copies planes, times `factor`, to one head of a map. */
static void write_map(const Map *map, int64_t batch, int64_t head, int64_t height, int64_t width, int64_t channels,
                      float factor, const Window *window, const float *planes)
{
    int64_t step = map->strides[2];
    for (int64_t y = 0; y < height; y++) {
        for (int64_t c = 0; c < channels; c++) {
            float *to = at(map, batch, head) + c * map->strides[4] + y * map->strides[1];
            const float *from = planes + c * window->plane + y * window->pitch;
            for (int64_t x = 0; x < width; x++)
                to[x * step] = from[x] * factor;
        }
    }
}

#endif
