/* What one task works on: a few weight channels of one image, the channels that they weigh, and copies of these. */
#ifndef SASA_NAS_PLANES_H
#define SASA_NAS_PLANES_H

#include "maps.h"
#include "scratch.h"

/* The arguments of all sums; which of the maps are read and which are written, each says. `sign` is 1 or -1. */
typedef struct {
    int64_t batch, height, width, weight_channels, groups, kernel_size;
    int64_t threads; /* at most */
    int64_t chunk;   /* weight channels of a task */
    double sign;
    Map weights;       /* (batch, row, column, weight channel, place in the window) */
    Map center, shown; /* (batch, row, column, weight channel, group): pixels, and what their windows show */
} Windows;

/* A task and its memory. Planes hold a map's pixels row by row, without gaps; places and groups are `plane` apart. */
typedef struct {
    const Windows *job;
    int64_t batch, first, channels; /* of the weights, from channel `first` on */
    int64_t pixels, plane, area;    /* pixels of a map, floats from plane to plane, places of a window */
    int64_t lines, line;            /* how many lines the pixels are handled in, and pixels of each */
    int64_t pitch, strip, strips;   /* see below */
    float *weights, *center, *shown; /* planes: (channels, area or MOST_SUMS) */
    float *shifted;                 /* MOST_SUMS channels as windows see them */
    float *row;                     /* one row with its reflected margins */
    int32_t *rows, *cols;           /* which pixel stands at each place of the padded axes */
} Task;

/* How windows see a channel: its rows, reflected ones before and after them, `pitch` floats apart, so that what is at
   offset (dy, dx) from the pixel at place i of a line is at i + dy * pitch + dx * strip. Channels are `strips` apart.

   Where a row is as long as a vector, a line is a row, and rows have reflected margins: `strip` is 1. Shorter rows
   would leave vectors half empty. There all rows are one line, without margins, and every column offset has a copy of
   its own, whose rows are shifted by it. Either way, LANES neighbours in a line are LANES numbers of memory, and none
   is weighed that no window shows. */
static int64_t lay_out(Task *task, const Windows *job, float *base)
{
    int64_t margin = job->kernel_size - 1, height = job->height + margin, width = job->width + margin;
    int64_t pixels = job->height * job->width, slack = LANES;
    int by_row = job->width >= LANES;
    Scratch scratch = {base, 0};
    *task = (Task){.job = job, .pixels = pixels, .area = job->kernel_size * job->kernel_size};
    task->plane = odd_lines(pixels);
    task->lines = by_row ? job->height : 1;
    task->line = by_row ? job->width : pixels;
    task->pitch = by_row ? width : job->width;
    task->strip = by_row ? 1 : odd_lines(height * job->width + slack);
    task->strips = by_row ? odd_lines(height * width + slack) : job->kernel_size * task->strip;
    task->center = take(&scratch, job->chunk * MOST_SUMS * task->plane, 0);
    task->shown = take(&scratch, job->chunk * MOST_SUMS * task->plane, 0);
    task->shifted = take(&scratch, MOST_SUMS * task->strips, 0);
    task->row = take(&scratch, width + slack, 0);
    task->rows = (int32_t *)take(&scratch, height, 0);
    task->cols = (int32_t *)take(&scratch, width, 0);
    /* weights whose pixels are not next to each other are copied */
    if (job->weights.strides[2] != 1 || job->weights.strides[1] != job->width)
        task->weights = take(&scratch, job->chunk * task->area * task->plane, 0);
    return scratch.used;
}

/* Which pixel stands at each place of an axis padded by reflection; see reflection_indices of windows.py. */
static void reflect(int64_t size, int64_t radius, int32_t *places)
{
    int64_t period = most(2 * (size - 1), 1);
    for (int64_t i = 0; i < size + 2 * radius; i++) {
        int64_t place = ((i - radius) % period + period) % period;
        places[i] = (int32_t)least(place, period - place);
    }
}

static void open_task(Task *task, const Windows *job, int64_t number, float *scratch)
{
    lay_out(task, job, scratch);
    int64_t chunks = (job->weight_channels + job->chunk - 1) / job->chunk;
    task->batch = number / chunks;
    task->first = number % chunks * job->chunk;
    task->channels = least(job->chunk, job->weight_channels - task->first);
    reflect(job->height, job->kernel_size / 2, task->rows);
    reflect(job->width, job->kernel_size / 2, task->cols);
}

/* Copies between a map and planes (channels, most): `count` of the last axis' numbers from `skip` on. Where
   channels lie next to each other in memory they are turned over together. */
static void copy_planes(const Task *task, const Map *map, int64_t skip, int64_t count, int64_t most_planes,
                        float *planes, int to_map)
{
    const Windows *job = task->job;
    int64_t rows = map->strides[1] == job->width * map->strides[2] ? 1 : job->height;
    int64_t width = task->pixels / rows;
    int together = map->strides[3] == 1 && task->channels > 1;
    int64_t outer = together ? count : task->channels, inner = together ? task->channels : count;
    int64_t channel_step = most_planes * task->plane;
    for (int64_t i = 0; i < outer; i++)
        for (int64_t y = 0; y < rows; y++) {
            float *in_map = map->data + task->batch * map->strides[0] + task->first * map->strides[3] +
                            skip * map->strides[4] + i * map->strides[together ? 4 : 3] + y * map->strides[1];
            float *in_planes = planes + i * (together ? task->plane : channel_step) + y * width;
            int64_t map_step = map->strides[together ? 3 : 4], plane_step = together ? channel_step : task->plane;
            if (to_map)
                copy_row(in_planes, 1, plane_step, 1, in_map, map->strides[2], map_step, width, inner);
            else
                copy_row(in_map, map->strides[2], map_step, 1, in_planes, 1, plane_step, width, inner);
        }
}

/* Where the weights of one channel of the task begin: in memory of the tensor, or in a copy. `step` is from place to
   place. */
static float *weights_of(const Task *task, int64_t channel, int64_t *step)
{
    const Map *map = &task->job->weights;
    if (task->weights) {
        *step = task->plane;
        return task->weights + channel * task->area * task->plane;
    }
    *step = map->strides[4];
    return at(map, task->batch, task->first + channel);
}

/* Copies a row that others follow: what is written beyond its end, less than a vector, is theirs or slack. */
INLINE void copy_line(const float *from, float *to, int64_t width)
{
    for (int64_t x = 0; x < width; x += LANES)
        store(to + x, load(from + x));
}

/* Lays out `count` groups of a channel as windows see them. */
static void make_strips(const Task *task, int64_t channel, int64_t count)
{
    const Windows *job = task->job;
    int64_t width = job->width, margin = job->kernel_size - 1, radius = margin / 2;
    for (int64_t c = 0; c < count; c++) {
        const float *plane = task->shown + (channel * MOST_SUMS + c) * task->plane;
        float *to = task->shifted + c * task->strips;
        for (int64_t y = 0; y < job->height + margin; y++, to += task->pitch) {
            const float *line = plane + task->rows[y] * width;
            float *row = task->strip == 1 ? to : task->row;
            for (int64_t x = 0; x < radius; x++) {
                row[x] = line[task->cols[x]];
                row[radius + width + x] = line[task->cols[radius + width + x]];
            }
            for (int64_t x = 0; x < width; x++)
                row[radius + x] = line[x];
            for (int64_t dx = 0; dx < job->kernel_size && task->strip > 1; dx++)
                copy_line(row + dx, to + dx * task->strip, width);
        }
    }
}

/* The reverse: adds up, for `count` groups of a channel, all that windows put at each pixel, times `sign`. */
static void add_strips(const Task *task, int64_t channel, int64_t count)
{
    const Windows *job = task->job;
    int64_t width = job->width, margin = job->kernel_size - 1, radius = margin / 2;
    float sign = (float)job->sign;
    for (int64_t c = 0; c < count; c++) {
        float *plane = task->shown + (channel * MOST_SUMS + c) * task->plane;
        float *from = task->shifted + c * task->strips;
        memset(plane, 0, task->pixels * sizeof(float));
        for (int64_t y = 0; y < job->height + margin; y++, from += task->pitch) {
            float *line = plane + task->rows[y] * width, *row = task->strip == 1 ? from : task->row;
            if (task->strip > 1)
                memset(row, 0, (width + margin) * sizeof(float));
            for (int64_t dx = 0; dx < job->kernel_size && task->strip > 1; dx++)
                for (int64_t x = 0; x < width; x++)
                    row[dx + x] += from[dx * task->strip + x];
            for (int64_t x = 0; x < radius; x++) {
                line[task->cols[x]] += sign * row[x];
                line[task->cols[radius + width + x]] += sign * row[radius + width + x];
            }
            for (int64_t x = 0; x < width; x++)
                line[x] += sign * row[radius + x];
        }
    }
}

#endif
