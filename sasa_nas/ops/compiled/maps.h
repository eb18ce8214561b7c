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

/* Copies `count` floats, `step` apart, times `factor`. Returns -1 in some lane where a number is not tame, else zeros. */
INLINE Integers read_run(const float *from, int64_t step, int64_t count, float factor, float *to)
{
    Integers wild = {0};
    int64_t i = 0;
    if (step == 1)
        for (; i + LANES <= count; i += LANES) {
            Vector numbers = load(from + i) * factor;
            wild |= ~((numbers <= TAME) & (numbers >= -TAME));
            store(to + i, numbers);
        }
    for (; i < count; i++) {
        to[i] = from[i * step] * factor;
        wild[0] |= -!(fabsf(to[i]) <= TAME);
    }
    return wild;
}

/* A map without gaps between its rows is read and written as one long row. */
INLINE int without_gaps(const Map *map, int64_t width, const Window *window)
{
    return map->strides[1] == width * map->strides[2] && window->pitch == width;
}

/* Copies one head, times `factor`, into planes. Returns whether all numbers are finite and tame. */
static int read_map(const Map *map, int64_t batch, int64_t head, int64_t height, int64_t width, int64_t channels,
                    float factor, const Window *window, float *planes)
{
    Integers wild = {0};
    int64_t rows = without_gaps(map, width, window) && map->strides[2] == 1 ? 1 : height;
    for (int64_t y = 0; y < rows; y++)
        for (int64_t c = 0; c < channels; c++)
            wild |= read_run(at(map, batch, head) + c * map->strides[4] + y * map->strides[1], map->strides[2],
                             height * width / rows, factor, planes + c * window->plane + y * window->pitch);
    return total((Vector)(wild & (Integers)splat(1))) == 0;
}

/* Copies planes, times `factor`, to one head of a map. */
static void write_map(const Map *map, int64_t batch, int64_t head, int64_t height, int64_t width, int64_t channels,
                      float factor, const Window *window, const float *planes)
{
    int64_t rows = without_gaps(map, width, window) && map->strides[2] == 1 ? 1 : height, step = map->strides[2];
    for (int64_t y = 0; y < rows; y++)
        for (int64_t c = 0; c < channels; c++) {
            float *to = at(map, batch, head) + c * map->strides[4] + y * map->strides[1];
            const float *from = planes + c * window->plane + y * window->pitch;
            if (step == 1)
                for (int64_t x = 0; x < height * width / rows; x++)
                    to[x] = from[x] * factor;
            else
                for (int64_t x = 0; x < width; x++)
                    to[x * step] = from[x] * factor;
        }
}

#endif
