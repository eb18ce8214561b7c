/* Window attention of float32 on a CPU, forward and backward; see naive.py for the equation.

   One task is one head of one image. Its query, key and value are copied into planes (windows.h), and LANES
   neighbouring queries are handled at a time: the logits of their windows, the softmax and the weighted sum of values
   are all in cache. Pixels beyond the map get a logit of -inf (`mask`) or their contents zeroed (`zeros`).

   The backward pass computes the weights p again from the log-sum-exp of the logits. With g the gradient of the output,
       dp_ij = g_i . v_j,   ds_ij = p_ij (dp_ij - sum_k p_ik dp_ik),
       dq_i = sum_j ds_ij (k_j + r_ij),   dk_j = sum_i ds_ij q_i,   dv_j = sum_i p_ij g_i,   dr_o = sum_i ds_io q_i.
   The sums over i are gathered by key: p and ds are put down at the key's place, in a band of the map that moves down
   with the queries, and summed when all queries that see the key have been there. Nothing is added up in an order that
   depends on the threads. */

#include <float.h>

#include "maps.h"
#include "tasks.h"

typedef struct {
    int64_t batch, height, width, heads, key_dim, value_dim, kernel_size;
    int64_t zeros;   /* padding: 1 for `zeros`, 0 for `mask` */
    int64_t threads; /* at most */
    double scale;
    Map query, key, value, rel_rows, rel_cols, out, lse;
    Map grad_out, grad_query, grad_key, grad_value, grad_rel_rows, grad_rel_cols;
} Attention;

/* One head of one image and the memory to work on it. */
typedef struct {
    const Attention *job;
    Window window;
    int64_t pixels, halo;                    /* places of the map, rounded up; the margin of its planes */
    int64_t offsets, sides;                  /* of the window: rows * cols and rows + cols */
    int64_t content;                         /* channels of the key: none where there is no key */
    int64_t band, band_step;                 /* queries between two moves of the band; floats of it an offset */
    float *query, *key, *value, *out, *lse;  /* planes */
    float *grad_out, *grad_query, *grad_key, *grad_value;
    float *side_sums;                        /* planes: ds summed over the window's columns, and over its rows */
    float *table;                            /* rel_rows beside rel_cols: (key_dim, sides) */
    int32_t *ys, *xs;                        /* of every place, far away where it is no pixel */
    Vector *weights, *products, *side_logits; /* of LANES queries: p, dp and then ds, q.r */
    Integers *inside;                        /* of LANES queries: whether each row and column of the window is */
    float *band_weights, *band_products;     /* p and ds at the places of the keys: (offsets, band_step) */
} Head;

#define FAR (-(1 << 28))

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t round_up(int64_t floats) { return (floats + LANES - 1) / LANES * LANES; }

/* An odd number of cache lines, so that neighbouring channels do not compete for the same places of the cache. */
static int64_t odd_lines(int64_t floats) { return (round_up(floats) / LANES | 1) * LANES; }

/* Takes `floats` from what `next` points to, and moves it on. */
static float *take(float **next, int64_t floats)
{
    float *taken = *next;
    *next += round_up(floats);
    return taken;
}

static float *take_planes(float **next, int64_t channels, const Head *head)
{
    return take(next, channels * head->window.plane) + head->halo;
}

/* Sizes of a head whose rows lie `pitch` apart, and places for all it needs from `scratch` on.
   Returns the end of what was taken. */
static float *lay_out(Head *head, const Attention *job, int64_t pitch, int backward, float *scratch)
{
    /* offsets that leave the map from wherever they start are never in the softmax of `mask` */
    int64_t rows = job->zeros ? job->kernel_size : least(job->kernel_size, 2 * job->height - 1);
    int64_t cols = job->zeros ? job->kernel_size : least(job->kernel_size, 2 * job->width - 1);
    int64_t pixels = round_up(job->height * pitch), halo = round_up(rows / 2 * pitch + cols / 2);
    *head = (Head){.job = job, .pixels = pixels, .halo = halo, .offsets = rows * cols, .sides = rows + cols};
    head->window = (Window){pitch, odd_lines(pixels + 2 * halo), rows, cols, rows / 2, cols / 2};
    head->content = job->key.data ? job->key_dim : 0;
    head->query = take_planes(&scratch, job->key_dim, head);
    head->key = take_planes(&scratch, head->content, head);
    head->value = take_planes(&scratch, job->value_dim, head);
    head->lse = take_planes(&scratch, 1, head);
    head->table = take(&scratch, job->key_dim * head->sides);
    head->ys = (int32_t *)take(&scratch, pixels);
    head->xs = (int32_t *)take(&scratch, pixels);
    head->weights = (Vector *)take(&scratch, head->offsets * LANES);
    head->side_logits = (Vector *)take(&scratch, head->sides * LANES);
    head->inside = (Integers *)take(&scratch, head->sides * LANES);
    if (!backward) {
        head->out = take_planes(&scratch, job->value_dim, head);
        return scratch;
    }
    head->grad_out = take_planes(&scratch, job->value_dim, head);
    head->grad_query = take_planes(&scratch, job->key_dim, head);
    head->grad_key = take_planes(&scratch, head->content, head);
    head->grad_value = take_planes(&scratch, job->value_dim, head);
    head->side_sums = take_planes(&scratch, head->sides, head);
    head->products = (Vector *)take(&scratch, head->offsets * LANES);
    int64_t cached = (1 << 17) / head->offsets / LANES * LANES; /* half a megabyte each for p and ds */
    head->band = least(most(cached - 2 * halo, most(2 * halo, LANES)), pixels);
    head->band_step = odd_lines(head->band + 2 * halo);
    head->band_weights = take(&scratch, head->offsets * head->band_step);
    head->band_products = take(&scratch, head->offsets * head->band_step);
    return scratch;
}

/* Notes the row and column of every place, and copies the tables. */
static void read_places_and_tables(const Head *head, int64_t index)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    for (int64_t i = 0; i < head->pixels; i++) {
        int64_t y = i / window->pitch, x = i % window->pitch;
        int real = y < job->height && x < job->width;
        head->ys[i] = real ? (int32_t)y : FAR;
        head->xs[i] = real ? (int32_t)x : FAR;
    }
    if (!job->rel_rows.data)
        return;
    const float *rows = at(&job->rel_rows, 0, index), *cols = at(&job->rel_cols, 0, index);
    int64_t row_skip = (job->kernel_size - window->rows) / 2, col_skip = (job->kernel_size - window->cols) / 2;
    for (int64_t c = 0; c < job->key_dim; c++) {
        float *to = head->table + c * head->sides;
        for (int64_t r = 0; r < window->rows; r++)
            to[r] = rows[(row_skip + r) * job->rel_rows.strides[1] + c * job->rel_rows.strides[4]];
        for (int64_t s = 0; s < window->cols; s++)
            to[window->rows + s] = cols[(col_skip + s) * job->rel_cols.strides[1] + c * job->rel_cols.strides[4]];
    }
}

/* Copies the inputs. Returns whether they are tame. */
static int read_head(const Head *head, int64_t batch, int64_t index, int backward)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    int64_t height = job->height, width = job->width, plane = window->plane, halo = head->halo;
    read_map(&job->query, batch, index, height, width, job->key_dim, job->scale, window, head->query);
    read_map(&job->key, batch, index, height, width, head->content, 1, window, head->key);
    read_map(&job->value, batch, index, height, width, job->value_dim, 1, window, head->value);
    int tame = are_tame(head->query, job->key_dim * plane - halo) && are_tame(head->key, head->content * plane - halo) &&
               are_tame(head->value, job->value_dim * plane - halo);
    if (backward) {
        read_map(&job->grad_out, batch, index, height, width, job->value_dim, 1, window, head->grad_out);
        read_map(&job->lse, batch, index, height, width, 1, 1, window, head->lse);
        tame = tame && are_tame(head->grad_out, job->value_dim * plane - halo);
    }
    return tame;
}

/* Makes `head` from a task's inputs. Returns whether sums must leave out what is beyond the map, be it numbers or not.

   In planes without gaps between the rows, offsets beyond a row's end fall on other pixels. Numbers are rid of by a
   weight of zero, but zero times infinity is not: then the rows are laid out again with a gap of zeros between them. */
static int open_head(Head *head, const Attention *job, int64_t task, int backward, float *scratch)
{
    int64_t batch = task / job->heads, index = task % job->heads;
    float *end = lay_out(head, job, job->width, backward, scratch);
    int tame = read_head(head, batch, index, backward);
    if (!tame) {
        memset(scratch, 0, (end - scratch) * sizeof(float));
        lay_out(head, job, job->width + head->window.col_radius, backward, scratch);
        read_head(head, batch, index, backward);
    }
    read_places_and_tables(head, index);
    return job->zeros || !tame;
}

/* Leaves the scratch as the next task expects it: zeros at all places that are no pixels. */
static void close_head(const Head *head, int backward, float *scratch)
{
    Head other;
    if (head->window.pitch != head->job->width)
        memset(scratch, 0, (lay_out(&other, head->job, head->window.pitch, backward, scratch) - scratch) * sizeof(float));
}

typedef struct {
    int64_t first, last;
} Rows;

/* The rows of the window that show some of the map to the LANES queries from place i on. */
static Rows rows_seen(const Head *head, int64_t i)
{
    int64_t radius = head->window.row_radius, height = head->job->height;
    int64_t top = i / head->window.pitch, bottom = least((i + LANES - 1) / head->window.pitch, height - 1);
    return (Rows){most(0, radius - bottom), least(head->window.rows, height - top + radius)};
}

/* The rows of the window in which some of the map sees the LANES keys from place j on. */
static Rows rows_seeing(const Head *head, int64_t j)
{
    int64_t radius = head->window.row_radius, height = head->job->height;
    int64_t top = j / head->window.pitch, bottom = least((j + LANES - 1) / head->window.pitch, height - 1);
    return (Rows){most(0, top + radius - height + 1), least(head->window.rows, bottom + radius + 1)};
}

/* q.r of every row and column of the window for the LANES queries from place i on, -inf where `mask` hides it;
   and whether it is inside the map. */
static void read_sides(const Head *head, int64_t i)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    table_dots(window, head->query + i, head->table, head->sides, job->rel_rows.data ? job->key_dim : 0,
               head->side_logits);
    Integers ys = load_integers(head->ys + i), xs = load_integers(head->xs + i);
    for (int64_t side = 0; side < head->sides; side++) {
        int is_row = side < window->rows;
        Integers place = is_row ? ys + (int32_t)(side - window->row_radius)
                                : xs + (int32_t)(side - window->rows - window->col_radius);
        Integers inside = (place >= 0) & (place < (int32_t)(is_row ? job->height : job->width));
        head->inside[side] = inside;
        if (!job->zeros)
            head->side_logits[side] = choose(inside, head->side_logits[side], splat(-INFINITY));
    }
}

/* The logits of the LANES queries from place i on, in place of their content terms. */
INLINE Vector logit(const Head *head, int64_t row, int64_t col, int careful)
{
    const Vector *rows = head->side_logits, *cols = rows + head->window.rows;
    Vector content = head->weights[row * head->window.cols + col];
    if (careful)
        content = where(head->inside[row] & head->inside[head->window.rows + col], content);
    return content + (rows[row] + cols[col]);
}

INLINE void forward_block(const Head *head, int64_t i, int careful)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    Rows seen = rows_seen(head, i), weighed = job->zeros ? (Rows){0, window->rows} : seen;
    read_sides(head, i);
    window_dots(window, seen.first, seen.last, head->query + i, head->key + i, head->content, head->weights);
    Vector peak = splat(-FLT_MAX), sum = {0};
    for (int64_t row = weighed.first; row < weighed.last; row++)
        for (int64_t col = 0; col < window->cols; col++) {
            Vector value = logit(head, row, col, careful);
            head->weights[row * window->cols + col] = value;
            peak = larger(value, peak);
        }
    for (int64_t row = weighed.first; row < weighed.last; row++) {
        Vector row_sum = {0}; /* many small numbers added to a large one would all be lost */
        for (int64_t col = 0; col < window->cols; col++) {
            Vector *weight = head->weights + row * window->cols + col;
            Vector value = exponential(*weight - peak);
            row_sum += value;
            *weight = careful ? where(head->inside[row] & head->inside[window->rows + col], value) : value;
        }
        sum += row_sum;
    }
    for (int64_t c = 0; c < job->value_dim; c++)
        store(head->out + c * window->plane + i, (Vector){0});
    window_sums(window, seen.first, seen.last, (float *)head->weights, LANES, 1, head->value + i, job->value_dim,
                head->out + i);
    for (int64_t c = 0; c < job->value_dim; c++) {
        float *to = head->out + c * window->plane + i;
        store(to, load(to) / sum);
    }
    for (int lane = 0; lane < LANES; lane++)
        head->lse[i + lane] = peak[lane] + logf(sum[lane]);
}

static void forward_task(const void *shared, int64_t task, float *scratch)
{
    const Attention *job = shared;
    Head head;
    int careful = open_head(&head, job, task, 0, scratch);
    for (int64_t i = 0; i < head.pixels; i += LANES) {
        if (careful)
            forward_block(&head, i, 1);
        else
            forward_block(&head, i, 0);
    }
    int64_t batch = task / job->heads, index = task % job->heads;
    write_map(&job->out, batch, index, job->height, job->width, job->value_dim, 1, &head.window, head.out);
    write_map(&job->lse, batch, index, job->height, job->width, 1, 1, &head.window, head.lse);
    close_head(&head, 0, scratch);
}

/* p and ds of the LANES queries from place i on, dq, and p and ds put down for the keys; the band begins at `start`. */
INLINE void backward_block(const Head *head, int64_t i, int64_t start, int careful)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    Rows seen = rows_seen(head, i), weighed = job->zeros ? (Rows){0, window->rows} : seen;
    int64_t first_key = i - start - window->row_radius * window->pitch - window->col_radius;
    float *weights_at = head->band_weights + first_key, *products_at = head->band_products + first_key;
    read_sides(head, i);
    window_dots(window, seen.first, seen.last, head->query + i, head->key + i, head->content, head->weights);
    window_dots(window, seen.first, seen.last, head->grad_out + i, head->value + i, job->value_dim, head->products);
    Vector lse = load(head->lse + i), mean = {0};
    for (int64_t row = weighed.first; row < weighed.last; row++) {
        Vector row_mean = {0};
        for (int64_t col = 0; col < window->cols; col++) {
            int64_t offset = row * window->cols + col;
            Integers inside = head->inside[row] & head->inside[window->rows + col];
            Vector weight = exponential(logit(head, row, col, careful) - lse);
            if (careful)
                head->products[offset] = where(inside, head->products[offset]);
            row_mean += weight * head->products[offset];
            head->weights[offset] = weight;
            store(weights_at + offset * head->band_step + row * window->pitch + col,
                  careful ? where(inside, weight) : weight);
        }
        mean += row_mean;
    }
    Vector *sides = head->side_logits;
    for (int64_t side = 0; side < head->sides; side++)
        sides[side] = (Vector){0};
    for (int64_t row = 0; row < window->rows; row++)
        for (int64_t col = 0; col < window->cols; col++) {
            int64_t offset = row * window->cols + col, place = offset * head->band_step + row * window->pitch + col;
            if (row < weighed.first || row >= weighed.last) {
                store(weights_at + place, (Vector){0});
                store(products_at + place, (Vector){0});
                continue;
            }
            Vector product = head->weights[offset] * (head->products[offset] - mean);
            sides[row] += product;
            sides[window->rows + col] += product;
            if (careful)
                product = where(head->inside[row] & head->inside[window->rows + col], product);
            head->products[offset] = product;
            store(products_at + place, product);
        }
    for (int64_t side = 0; side < head->sides; side++)
        store(head->side_sums + side * window->plane + i, sides[side]);
    for (int64_t c = 0; c < job->key_dim; c++) {
        Vector sum = {0};
        for (int64_t side = 0; side < head->sides && job->rel_rows.data; side++)
            sum += sides[side] * head->table[c * head->sides + side];
        store(head->grad_query + c * window->plane + i, sum);
    }
    window_sums(window, seen.first, seen.last, (float *)head->products, LANES, 1, head->key + i, head->content,
                head->grad_query + i);
}

/* dk and dv of the LANES keys from place j on. */
static void gather_block(const Head *head, int64_t j, int64_t start)
{
    const Attention *job = head->job;
    const Window *window = &head->window;
    Rows seeing = rows_seeing(head, j);
    for (int64_t c = 0; c < head->content; c++)
        store(head->grad_key + c * window->plane + j, (Vector){0});
    for (int64_t c = 0; c < job->value_dim; c++)
        store(head->grad_value + c * window->plane + j, (Vector){0});
    window_sums(window, seeing.first, seeing.last, head->band_products + j - start, head->band_step, -1,
                head->query + j, head->content, head->grad_key + j);
    window_sums(window, seeing.first, seeing.last, head->band_weights + j - start, head->band_step, -1,
                head->grad_out + j, job->value_dim, head->grad_value + j);
}

/* Moves the last floats of a band, those of keys not done yet, to its beginning. */
static void move_band(float *band, int64_t distance, int64_t kept)
{
    memmove(band, band + distance, kept * sizeof(float));
    memset(band + kept, 0, distance * sizeof(float));
}

/* The whole backward pass of one head but for the tables: query by query, the keys following when they are done.

   Places of the band whose queries are before or after the map are not written. Numbers that the last head left there
   weigh the zeros of a margin; infinities and NaN it does not leave (close_head). */
static void backward_head(const Head *head, int careful)
{
    int64_t start = -head->halo, gathered = 0, kept = 2 * head->halo;
    for (int64_t i = 0; i < head->pixels; i += head->band) {
        int64_t end = least(i + head->band, head->pixels);
        for (int64_t block = i; block < end; block += LANES) {
            if (careful)
                backward_block(head, block, start, 1);
            else
                backward_block(head, block, start, 0);
        }
        int64_t done = end == head->pixels ? end : end - head->halo;
        for (; gathered < done; gathered += LANES)
            gather_block(head, gathered, start);
        for (int64_t offset = 0; offset < head->offsets && end < head->pixels; offset++) {
            move_band(head->band_weights + offset * head->band_step, head->band, kept);
            move_band(head->band_products + offset * head->band_step, head->band, kept);
        }
        start += head->band;
    }
}

INLINE void side_products_of(int count, const Head *head, const float *query, const float *sums, float *to)
{
    Vector dots[MOST_SUMS] = {{0}};
    for (int64_t i = 0; i < head->pixels; i += LANES) {
        Vector factor = load(query + i);
        UNROLL
        for (int j = 0; j < count; j++)
            dots[j] += factor * load(sums + j * head->window.plane + i);
    }
    UNROLL
    for (int j = 0; j < count; j++)
        to[j] = total(dots[j]);
}

/* The gradients of the tables from one head: (key_dim, sides). */
static void table_gradients(const Head *head, float *to)
{
    for (int64_t c = 0; c < head->job->key_dim; c++)
        for (int64_t side = 0, count; side < head->sides; side += count) {
            count = turn(head->sides - side);
            WITH_CONSTANT(count, side_products_of, head, head->query + c * head->window.plane,
                          head->side_sums + side * head->window.plane, to + c * head->sides + side)
        }
}

typedef struct {
    Attention job;
    float *table_gradients; /* of every task: (batch * heads, key_dim, sides) */
    int64_t sides;
} Backward;

static void backward_task(const void *shared, int64_t task, float *scratch)
{
    const Backward *all = shared;
    const Attention *job = &all->job;
    Head head;
    int careful = open_head(&head, job, task, 1, scratch);
    backward_head(&head, careful);
    int64_t batch = task / job->heads, index = task % job->heads, height = job->height, width = job->width;
    const Window *window = &head.window;
    write_map(&job->grad_query, batch, index, height, width, job->key_dim, job->scale, window, head.grad_query);
    write_map(&job->grad_key, batch, index, height, width, head.content, 1, window, head.grad_key);
    write_map(&job->grad_value, batch, index, height, width, job->value_dim, 1, window, head.grad_value);
    if (job->rel_rows.data)
        table_gradients(&head, all->table_gradients + task * job->key_dim * head.sides);
    close_head(&head, 1, scratch);
}

/* Adds one head's gradients of a table to the table's. */
static void add_table(const Map *to, int64_t index, const float *from, int64_t sides, int64_t skip, int64_t count,
                      int64_t channels)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t j = 0; j < count; j++)
            at(to, 0, index)[(skip + j) * to->strides[1] + c * to->strides[4]] += from[c * sides + j];
}

/* Floats that a thread works in: those of the wider layout. */
static int64_t scratch_floats(const Attention *job, int backward)
{
    Head head;
    int64_t radius = least(job->kernel_size, 2 * job->width - 1) / 2;
    if (job->zeros)
        radius = job->kernel_size / 2;
    return lay_out(&head, job, job->width + radius, backward, NULL) - (float *)NULL;
}

/* Writes out and lse. Returns 1 where memory was short, else 0. */
int local_attention_forward(const Attention *job)
{
    Tasks tasks = {forward_task, job, job->batch * job->heads, scratch_floats(job, 0), 0, 0};
    return do_tasks(&tasks, job->threads);
}

/* Writes the gradients of query, key and value, and adds to those of the tables. Returns as above. */
int local_attention_backward(const Attention *job)
{
    Head shape;
    lay_out(&shape, job, job->width, 1, NULL);
    const Window *window = &shape.window;
    int64_t floats = job->key_dim * shape.sides, count = job->batch * job->heads;
    Backward all = {*job, malloc(most(1, count * floats) * sizeof(float)), shape.sides};
    if (!all.table_gradients)
        return 1;
    Tasks tasks = {backward_task, &all, count, scratch_floats(job, 1), 0, 0};
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
