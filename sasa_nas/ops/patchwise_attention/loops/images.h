/* What the loops work on: a few images side by side, as planes and as windows see them. */
#ifndef SASA_NAS_IMAGES_H
#define SASA_NAS_IMAGES_H

#include "maps.h"
#include "scratch.h"

#define MOST_VECTORS 8                  /* of a block */
#define STAGED (MOST_VECTORS * LANES) /* floats from row to row of what is staged for a block */

enum { STAR, CLIQUE, CONCATENATION };

/* One layer of the mapping, as ops/mapping/layer.py describes it; gradients are NULL on the way forward. */
typedef struct {
    int64_t in, out;                 /* channels */
    float *norm_weight, *norm_bias;  /* (in) */
    float *mean, *variance;          /* (in), written where the batch is to be normalised with its own */
    float *weight;                   /* (out, in) */
    float *bias;                     /* (out) or NULL */
    float *grad_norm_weight, *grad_norm_bias, *grad_weight, *grad_bias;
    double eps;
    int64_t of_batch; /* whether statistics are the batch's */
} Layer;

/* The arguments of both directions. Maps are (batch, row, column, 1, channel). */
typedef struct {
    int64_t batch, height, width, keys, values, weights, kernel_size, kind, layers, threads;
    Map query, key, value, hidden, out;
    Map grad_out, grad_query, grad_key, grad_value;
    Layer first, second;
} Patchwise;

/* Images side by side, and where their numbers are.

   Pixel x of image i is at place x * images + i of a line, so that short rows still fill vectors and a window's column
   offset is a shift by multiples of `images`. Lines are whole vectors, the last of which may have lanes beyond the
   row. A plane is one channel: its lines without gaps. As windows see it a channel has reflected margins: what is at
   offset (dy, dx) from place i of line y is at (y + dy) * pitch + i + dx * images. */
typedef struct {
    const Patchwise *job;
    int64_t batch, images;         /* the first one and how many */
    int64_t row, line, vectors;    /* floats of a row, those of a line, vectors of a plane */
    int64_t plane, pitch, shown;   /* floats from channel to channel of planes, from line to line and from channel to
                                      channel as windows see them */
    int64_t landing_line;          /* of what is added to windows, see add_landed: floats from line to line, */
    int64_t landing, landings;     /* from column offset to column offset, and from channel to channel */
    int64_t radius, area;          /* of the window: half its side, and its places */
    Integers keep;                 /* lanes of a line's last vector that are in the row */
    int32_t *rows, *cols;          /* which pixel stands at each place of the padded axes */
    Integers head, tail;           /* which of a row's first lanes a padded row begins with, of the last ones ends with */
    int reflected;                 /* whether those lanes are enough */
    int64_t *window, *land;        /* of every place of a window: where it is seen, and where what is added to it lands */
    int64_t *seen, *lands;         /* of every vector of a plane: where its window begins, and where that is added to */
    int64_t *same;                 /* of every vector of a block: where it is in planes, from the block's first on */
} Images;

/* How many images are worked on side by side: few, but so many that vectors are full and planes have some of them. */
static int64_t images_together(int64_t batch, int64_t height, int64_t width)
{
    int64_t best = 1, best_waste = INT64_MAX;
    for (int64_t images = 1; images <= least(batch, 4 * LANES); images += images == 1 && batch >= 4 ? 3 : 1) {
        int64_t waste = round_up(width * images) * 100 / (width * images);
        if (waste <= 120 && images * height * width >= 4 * LANES && (images == 1 || images % 4 == 0))
            return images;
        if (waste <= best_waste)
            best = images, best_waste = waste;
    }
    return best;
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

/* Lays out `images` from `batch` on; takes the same memory whatever their number, which is at most `together`. */
static void lay_out(Images *group, const Patchwise *job, int64_t batch, int64_t images)
{
    int64_t margin = job->kernel_size - 1, row = job->width * images, line = round_up(row);
    group->job = job, group->batch = batch, group->images = images, group->row = row, group->line = line;
    group->vectors = job->height * line / LANES;
    group->plane = odd_lines(job->height * line);
    group->pitch = round_up((job->width + margin) * images);
    group->shown = odd_lines((job->height + margin) * group->pitch + LANES);
    group->landing_line = line + round_up(margin * images);
    group->landing = odd_lines((job->height + margin) * group->landing_line + round_up(margin * images));
    group->landings = job->kernel_size * group->landing;
    group->radius = margin / 2;
    group->area = job->kernel_size * job->kernel_size;
    for (int64_t i = 0; i < LANES; i++)
        group->keep[i] = line - LANES + i < row ? -1 : 0;
}

/* Takes the tables of a group of `images`. */
static void take_tables(Images *group, Scratch *scratch)
{
    int64_t margin = 2 * group->radius;
    group->rows = (int32_t *)take(scratch, group->job->height + margin, 0);
    group->cols = (int32_t *)take(scratch, group->job->width + margin, 0);
    group->window = (int64_t *)take(scratch, 2 * group->area, 0);
    group->land = (int64_t *)take(scratch, 2 * group->area, 0);
    group->seen = (int64_t *)take(scratch, 2 * group->vectors, 0);
    group->lands = (int64_t *)take(scratch, 2 * group->vectors, 0);
    group->same = (int64_t *)take(scratch, 2 * MOST_VECTORS, 0);
}

/* Finds out how a padded row's first and last vectors are made of the row's own. */
static void find_ends(Images *group)
{
    int64_t images = group->images, padded = group->row + 2 * group->radius * images;
    group->reflected = group->row >= LANES && group->radius * images <= LANES;
    for (int64_t i = 0; i < LANES && group->reflected; i++) {
        int64_t place = padded - LANES + i;
        int64_t head = group->cols[i / images] * images + i % images;
        int64_t tail = group->cols[place / images] * images + place % images - (group->row - LANES);
        group->head[i] = (int32_t)head, group->tail[i] = (int32_t)tail;
        group->reflected = head < LANES && tail >= 0;
    }
}

static void fill_tables(Images *group)
{
    reflect(group->job->height, group->radius, group->rows);
    reflect(group->job->width, group->radius, group->cols);
    find_ends(group);
    for (int64_t j = 0; j < group->area; j++) {
        int64_t dy = j / group->job->kernel_size, dx = j % group->job->kernel_size;
        group->window[j] = dy * group->pitch + dx * group->images;
        group->land[j] = dy * group->landing_line + dx * group->landing;
    }
    for (int64_t v = 0; v < group->vectors; v++) {
        int64_t y = v * LANES / group->line, x = v * LANES % group->line;
        group->seen[v] = y * group->pitch + x;
        group->lands[v] = (y + 1) * group->landing_line - group->line + x;
    }
    for (int64_t v = 0; v < MOST_VECTORS; v++)
        group->same[v] = v * LANES;
}

/* The lanes of a vector that are pixels. */
INLINE Integers lanes_of(const Images *group, int64_t vector)
{
    return (vector + 1) * LANES % group->line ? (Integers){0} - 1 : group->keep;
}

/* Copies between a map and planes, `channels` of both from `first` of the map on. What is next to each other in planes,
   columns or images, is turned over with what is in the map, channels or columns. */
static void copy_planes(const Images *group, const Map *map, int64_t first, int64_t channels, float *planes, int to_map)
{
    const Patchwise *job = group->job;
    int64_t images = group->images, image = map->strides[0], step = map->strides[2], channel = map->strides[4];
    int64_t gapless = images == 1 && group->line == job->width && map->strides[1] == job->width * step;
    int64_t rows = gapless ? 1 : job->height, width = gapless ? job->height * job->width : job->width;
    /* a tile's lines: neighbours `along` in planes, by `across`, and what is left goes one by one */
    int64_t along = images == 1 ? width : images, along_step = images == 1 ? step : image;
    int by_column = images > 1 && step == 1;
    int64_t across = by_column ? width : channels, across_step = by_column ? 1 : channel;
    int64_t across_plane = by_column ? images : group->plane;
    int64_t left = images == 1 ? 1 : by_column ? channels : width, left_step = by_column ? channel : step;
    int64_t left_plane = by_column ? group->plane : images;
    for (int64_t y = 0; y < rows; y++)
        for (int64_t i = 0; i < left; i++) {
            float *in_map = map->data + group->batch * image + y * map->strides[1] + first * channel + i * left_step;
            float *in_planes = planes + y * group->line + i * left_plane;
            if (!to_map && i == 0 && images == 1 && channel == 1)
                for (int64_t f = 0; f < width * step; f += 16)
                    __builtin_prefetch(in_map + map->strides[1] + f);
            if (to_map)
                copy_row(in_planes, 1, across_plane, 1, in_map, along_step, across_step, along, across);
            else
                copy_row(in_map, along_step, across_step, 1, in_planes, 1, across_plane, along, across);
        }
}

static void read_planes(const Images *group, const Map *map, int64_t first, int64_t channels, float *planes)
{
    copy_planes(group, map, first, channels, planes, 0);
    for (int64_t c = 0; c < channels && group->line > group->row; c++)
        for (int64_t y = 0; y < group->job->height; y++)
            memset(planes + c * group->plane + y * group->line + group->row, 0,
                   (group->line - group->row) * sizeof(float));
}

static void write_planes(const Images *group, const Map *map, int64_t first, int64_t channels, float *planes)
{
    copy_planes(group, map, first, channels, planes, 1);
}

/* Copies `images` numbers of every one of `count` columns, from where `cols` says. */
INLINE void copy_columns(const float *line, const int32_t *cols, int64_t count, int64_t images, float *to)
{
    for (int64_t x = 0; x < count; x++)
        for (int64_t i = 0; i < images; i++)
            to[x * images + i] = line[cols[x] * images + i];
}

/* Lays out a plane as windows see it. */
static void show(const Images *group, const float *plane, float *shown)
{
    int64_t images = group->images, radius = group->radius, width = group->job->width, row = group->row;
    int64_t line_step = group->line, pitch = group->pitch, lines = group->job->height + 2 * radius;
    const int32_t *rows = group->rows, *cols = group->cols;
    for (int64_t y = 0; y < lines; y++, shown += pitch) {
        const float *line = plane + rows[y] * line_step;
        if (group->reflected) {
            int64_t end = row + 2 * radius * images - LANES;
            store(shown, arrange(load(line), group->head));
            for (int64_t x = LANES; x < end; x += LANES)
                store(shown + x, load(line + x - radius * images));
            store(shown + end, arrange(load(line + row - LANES), group->tail));
            continue;
        }
        /* what is written beyond the row is written again, or is a later line's, or slack */
        for (int64_t x = 0; x < row; x += LANES)
            store(shown + radius * images + x, load(line + x));
        copy_columns(line, cols, radius, images, shown);
        copy_columns(line, cols + radius + width, radius, images, shown + radius * images + row);
    }
}

/* What has landed at LANES places of a padded line, whatever the column offset; the first of them are at `from`. */
INLINE Vector landed_at(const Images *group, const float *from)
{
    Vector sum = {0};
    for (int64_t dx = 0; dx < group->job->kernel_size; dx++, from += group->landing - group->images)
        sum += load(from);
    return sum;
}

/* The reverse: adds to a plane all that has landed on windows, and clears it.

   Every column offset has lines of its own, so that what is added to them is always at whole vectors. Before and behind
   a line are as many zeros as offsets shift it by. `row` is scratch. */
static void add_landed(const Images *group, float *landed, float *row, float *plane)
{
    int64_t images = group->images, margin = group->radius * images, width = group->job->width;
    int64_t side = group->job->kernel_size, zeros = group->landing_line - group->line;
    for (int64_t y = 0; y < group->job->height + 2 * group->radius; y++, landed += group->landing_line) {
        float *line = plane + group->rows[y] * group->line;
        for (int64_t x = 0; x < group->line; x += LANES)
            store(line + x, load(line + x) + landed_at(group, landed + zeros + margin + x));
        for (int64_t x = 0; x < margin; x += LANES) {
            store(row + x, landed_at(group, landed + zeros + x));
            store(row + round_up(margin) + x, landed_at(group, landed + zeros + margin + group->row + x));
        }
        for (int64_t dx = 0; dx < side; dx++)
            for (int64_t x = zeros; x < group->landing_line; x += LANES)
                store(landed + dx * group->landing + x, (Vector){0});
        for (int64_t x = 0; x < group->radius; x++)
            for (int64_t i = 0; i < images; i++) {
                line[group->cols[x] * images + i] += row[x * images + i];
                line[group->cols[group->radius + width + x] * images + i] += row[round_up(margin) + x * images + i];
            }
    }
}

/* A few neighbouring vectors of planes. */
typedef struct {
    int64_t first, count; /* vectors */
    int64_t at;           /* floats from the start of a plane */
    const int64_t *seen, *lands; /* of each vector: see Images */
} Block;

INLINE Block block_of(const Images *group, int64_t first)
{
    return (Block){first, least(MOST_VECTORS, group->vectors - first), first * LANES, group->seen + first,
                   group->lands + first};
}

#define FOR_BLOCKS(group, block)                                                                                       \
    for (Block block = block_of(group, 0); block.count > 0; block = block_of(group, block.first + block.count))

#endif
