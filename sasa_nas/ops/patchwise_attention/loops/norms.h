/* Batch norm and ReLU of staged rows and planes, and the statistics of both. */
#ifndef SASA_NAS_NORMS_H
#define SASA_NAS_NORMS_H

#include "relation.h"

/* Count, mean, and sum of the squared distances from it, of one channel's numbers. */
typedef struct {
    double count, mean, squares;
} Moments;

/* Chan, Golub, LeVeque 1979. */
static void merge_moments(Moments *into, Moments other)
{
    double count = into->count + other.count, apart = other.mean - into->mean;
    if (other.count == 0)
        return;
    into->mean += apart * other.count / count;
    into->squares += other.squares + apart * apart * into->count * other.count / count;
    into->count = count;
}

/* A norm folded: relu(scale * x + offset) is what follows it, inverse * x + shift the number that it normalises.
   On the way back `mean` and `product` are those of the gradient and of its product with the latter over the batch,
   zero where statistics are constants. All have a number for every channel. */
typedef struct {
    float *scale, *offset, *inverse, *shift, *mean, *product;
} Norm;

#define NORM_ROWS 6

static Norm norm_in(float *memory, int64_t channels)
{
    return (Norm){memory, memory + channels, memory + 2 * channels, memory + 3 * channels, memory + 4 * channels,
                  memory + 5 * channels};
}

static void fold_norm(const Layer *layer, Norm *norm)
{
    for (int64_t c = 0; c < layer->in; c++) {
        double inverse = 1 / sqrt((double)layer->variance[c] + layer->eps), mean = layer->mean[c];
        double scale = layer->norm_weight[c] * inverse;
        norm->scale[c] = (float)scale, norm->offset[c] = (float)(layer->norm_bias[c] - mean * scale);
        norm->inverse[c] = (float)inverse, norm->shift[c] = (float)(-mean * inverse);
    }
}

/* The larger of a number and zero; NaN stays. */
INLINE Vector positive(Vector x) { return where(~(x < 0), x); }

/* Stages what follows the norm of `count` rows. */
static void activate(const Rows *rows, int64_t count, int64_t vectors, const Norm *norm, int64_t first, float *to)
{
    for (int64_t j = 0; j < count; j++, to += STAGED) {
        const float *from = row_of(rows, j);
        Vector scale = splat(norm->scale[first + j]), offset = splat(norm->offset[first + j]);
        for (int64_t v = 0; v < vectors; v++)
            store(to + v * LANES, positive(load(from + rows->vector_at[v]) * scale + offset));
    }
}

/* The gradient of `count` rows from that of what follows their norm, without what comes by the statistics.

   It is written to where it lands, or added to that; the sums of the norm's gradient, and of its product with what the
   norm yields, go to LANES numbers a row of `sums` and `products`. */
static void pass_back(const Rows *rows, int64_t count, int64_t vectors, const Norm *norm, int64_t first,
                      const float *gradient, float *sums, float *products, const Landing *to)
{
    /* copies, as what is stored might be theirs for all that the compiler knows */
    const int64_t *from_at = rows->vector_at, *to_at = to->vector_at;
    int add = to->add;
    for (int64_t j = 0; j < count; j++, gradient += STAGED) {
        const float *from = row_of(rows, j);
        float *line = to->to + (to->row_at ? to->row_at[j] : j * to->row_step);
        Vector scale = splat(norm->scale[first + j]), offset = splat(norm->offset[first + j]);
        Vector inverse = splat(norm->inverse[first + j]), shift = splat(norm->shift[first + j]);
        Vector sum = load(sums + j * LANES), product = load(products + j * LANES);
        for (int64_t v = 0; v < vectors; v++) {
            Vector x = load(from + from_at[v]);
            Vector grad = where(~(x * scale + offset <= 0), load(gradient + v * LANES));
            sum += grad;
            product += grad * (x * inverse + shift);
            grad *= scale;
            float *at = line + to_at[v];
            store(at, add ? load(at) + grad : grad);
        }
        store(sums + j * LANES, sum);
        store(products + j * LANES, product);
    }
}

/* The moments of `count` vectors of a row, of whose numbers only pixels count. */
static Moments moments_of(const Images *group, int64_t first, int64_t count, const float *row)
{
    Vector sum = {0}, squares = {0};
    int64_t lanes = (group->row - 1) % LANES + 1, per_line = group->line / LANES;
    int64_t pixels = count * LANES - ((first + count) / per_line - first / per_line) * (LANES - lanes);
    for (int64_t v = 0; v < count; v++)
        sum += where(lanes_of(group, first + v), load(row + v * LANES));
    double mean = (double)total(sum) / (double)pixels;
    Vector center = splat((float)mean);
    for (int64_t v = 0; v < count; v++) {
        Vector apart = where(lanes_of(group, first + v), load(row + v * LANES) - center);
        squares += apart * apart;
    }
    return (Moments){(double)pixels, mean, total(squares)};
}

/* What the statistics' dependence on the batch adds to a relation's gradient: add[c] + times[c] * relation. */
static void correction_of(const Norm *norm, int64_t c, double *add, double *times)
{
    double scale = norm->scale[c], product = norm->product[c];
    *add = -scale * (norm->mean[c] + norm->shift[c] * product);
    *times = -scale * norm->inverse[c] * product;
}

#endif
