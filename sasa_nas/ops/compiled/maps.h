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

/* Four neighbouring pixels by four channels: what is turned over at once where channels come last in memory. */
#define TILE 4
typedef float Four __attribute__((vector_size(TILE * 4)));
typedef int32_t FourIntegers __attribute__((vector_size(TILE * 4)));

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (FourIntegers){__VA_ARGS__})
#endif

/* Makes the columns of a tile its lines. */
INLINE void turn_lines(Four lines[TILE])
{
    Four low = SHUFFLE(lines[0], lines[1], 0, 4, 1, 5), high = SHUFFLE(lines[0], lines[1], 2, 6, 3, 7);
    Four next_low = SHUFFLE(lines[2], lines[3], 0, 4, 1, 5), next_high = SHUFFLE(lines[2], lines[3], 2, 6, 3, 7);
    lines[0] = SHUFFLE(low, next_low, 0, 1, 4, 5);
    lines[1] = SHUFFLE(low, next_low, 2, 3, 6, 7);
    lines[2] = SHUFFLE(high, next_high, 0, 1, 4, 5);
    lines[3] = SHUFFLE(high, next_high, 2, 3, 6, 7);
}

/* Copies a tile of lines `from_step` apart, times `factor`, to lines `to_step` apart, its columns becoming lines. */
INLINE void turn_tile(const float *from, int64_t from_step, float factor, float *to, int64_t to_step)
{
    Four lines[TILE];
    for (int i = 0; i < TILE; i++) {
        memcpy(&lines[i], from + i * from_step, sizeof lines[i]);
        lines[i] *= factor;
    }
    turn_lines(lines);
    for (int i = 0; i < TILE; i++)
        memcpy(to + i * to_step, &lines[i], sizeof lines[i]);
}

/* Copies a row of pixels, times `factor`. Pixels are `step` floats apart, channels `plane`. Where there are not whole
   tiles, the last ones begin earlier and copy some numbers twice. */
INLINE void copy_row(const float *from, int64_t from_step, int64_t from_plane, float factor, float *to, int64_t to_step,
                     int64_t to_plane, int64_t width, int64_t channels)
{
    int64_t tiled = from_plane == 1 && to_step == 1 ? 1 : from_step == 1 && to_plane == 1 ? 2 : 0;
    if (tiled && width >= TILE && channels >= TILE) {
        for (int64_t i = 0; i < width; i += TILE)
            for (int64_t j = 0; j < channels; j += TILE) {
                int64_t x = i < width - TILE ? i : width - TILE, c = j < channels - TILE ? j : channels - TILE;
                if (tiled == 1)
                    turn_tile(from + x * from_step + c, from_step, factor, to + x + c * to_plane, to_plane);
                else
                    turn_tile(from + x + c * from_plane, from_plane, factor, to + x * to_step + c, to_step);
            }
        return;
    }
    for (int64_t c = 0; c < channels; c++) {
        const float *line = from + c * from_plane;
        float *copy = to + c * to_plane;
        int64_t x = 0;
        if (from_step == 1 && to_step == 1)
            for (; x < width; x++)
                copy[x] = line[x] * factor;
        for (; x < width; x++)
            copy[x * to_step] = line[x * from_step] * factor;
    }
}

/* Rows of a map without gaps between them, in memory and in planes, are one long row. */
INLINE int without_gaps(const Map *map, int64_t width, const Window *window)
{
    return map->strides[1] == width * map->strides[2] && window->pitch == width;
}

/* Copies one head of a map, times `factor`, into planes. */
static void read_map(const Map *map, int64_t batch, int64_t head, int64_t height, int64_t width, int64_t channels,
                     float factor, const Window *window, float *planes)
{
    int64_t rows = without_gaps(map, width, window) ? 1 : height;
    for (int64_t y = 0; y < rows; y++)
        copy_row(at(map, batch, head) + y * map->strides[1], map->strides[2], map->strides[4], factor,
                 planes + y * window->pitch, 1, window->plane, height * width / rows, channels);
}

/* Copies planes, times `factor`, to one head of a map. */
static void write_map(const Map *map, int64_t batch, int64_t head, int64_t height, int64_t width, int64_t channels,
                      float factor, const Window *window, const float *planes)
{
    int64_t rows = without_gaps(map, width, window) ? 1 : height;
    for (int64_t y = 0; y < rows; y++)
        copy_row(planes + y * window->pitch, 1, window->plane, factor, at(map, batch, head) + y * map->strides[1],
                 map->strides[2], map->strides[4], height * width / rows, channels);
}

/* Whether all numbers are finite, and so small that their products and sums are, too. `count` is one of LANES. */
static int are_tame(const float *numbers, int64_t count)
{
    const float most = 1e15f;
    Integers wild = {0};
    for (int64_t i = 0; i < count; i += LANES) {
        Vector vector = load(numbers + i);
        wild |= ~((vector <= most) & (vector >= -most));
    }
    return total((Vector)(wild & (Integers)splat(1))) == 0;
}

#endif
