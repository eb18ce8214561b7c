/* Products of small matrices with planes, LANES neighbouring columns in a vector, and of planes with planes.

   Sums stay in registers: a tile of a few rows and a few vectors of columns at a time. Rows of a plane are `step`
   floats apart and begin anywhere; `vectors` counts their columns in vectors. */
#ifndef SASA_NAS_PRODUCTS_H
#define SASA_NAS_PRODUCTS_H

#include "vectors.h"

/* A tile's sums, and the vectors and the factor that they are made of, fit in the registers. */
#define TILE_ROWS 4
#if LANES == 16
#define TILE_VECTORS 5
#else
#define TILE_VECTORS 2
#endif
#define TILE_COLS (LANES / TILE_ROWS) /* of a product of planes, so that a tile's totals fill a vector */

/* Keeps a vector in its register: compilers would rather read it again from memory for each of its uses, and a core
   reads no more vectors than it multiplies. */
#if defined(__AVX512F__)
#define KEEP(vector) __asm__("" : "+v"(vector))
#elif defined(__AVX__)
#define KEEP(vector) __asm__("" : "+x"(vector))
#else
#define KEEP(vector) (void)(vector)
#endif

#define UNROLL_TILE _Pragma("GCC unroll 8")

/* A small matrix: number [r, c] is at[r * row + c * col], so that a transpose changes places of `row` and `col`. */
typedef struct {
    const float *at;
    int64_t row, col;
} Matrix;

/* What becomes of a product: it is written as it is, or zero where it or
   another plane is not positive, or it is added. */
enum { PLAIN, RELU, GATED, ADDED };

/* How many of `left` rows or vectors to do at once, at most `most`, so that all turns are about equally long. */
INLINE int even_turn(int64_t left, int64_t most)
{
    int64_t turns = (left + most - 1) / most;
    return (int)((left + turns - 1) / turns);
}

INLINE void product_tile(int rows, int vectors, int finish, int64_t depth, Matrix weights, const float *bias,
                         const float *from, int64_t from_step, float *to, int64_t to_step, const float *gate)
{
    Vector sums[TILE_ROWS][TILE_VECTORS];
    UNROLL_TILE
    for (int r = 0; r < rows; r++) {
        UNROLL_TILE
        for (int v = 0; v < vectors; v++)
            sums[r][v] = splat(bias ? bias[r] : 0);
    }
    for (int64_t c = 0; c < depth; c++, from += from_step, weights.at += weights.col) {
        Vector column[TILE_VECTORS];
        UNROLL_TILE
        for (int v = 0; v < vectors; v++) {
            column[v] = load(from + v * LANES);
            KEEP(column[v]);
        }
        UNROLL_TILE
        for (int r = 0; r < rows; r++) {
            Vector weight = splat(weights.at[r * weights.row]);
            UNROLL_TILE
            for (int v = 0; v < vectors; v++)
                sums[r][v] += weight * column[v];
        }
    }
    UNROLL_TILE
    for (int r = 0; r < rows; r++) {
        UNROLL_TILE
        for (int v = 0; v < vectors; v++) {
            int64_t place = r * to_step + v * LANES;
            Vector sum = sums[r][v];
            if (finish == RELU)
                sum = where(~(sum <= 0), sum); /* what is no number stays so */
            if (finish == GATED)
                sum = where(~(load(gate + place) <= 0), sum);
            if (finish == ADDED)
                sum += load(to + place);
            store(to + place, sum);
        }
    }
}

/* Calls `function` with a constant from 1 to 4, or 5, for its first argument. */
#define WITH_ROWS(rows, function, ...)                                                                                 \
    switch (rows) {                                                                                                    \
    case 1: function(1, __VA_ARGS__); break;                                                                           \
    case 2: function(2, __VA_ARGS__); break;                                                                           \
    case 3: function(3, __VA_ARGS__); break;                                                                           \
    default: function(4, __VA_ARGS__);                                                                                 \
    }
#if LANES == 16
#define WITH_VECTORS(vectors, function, rows, ...)                                                                     \
    switch (vectors) {                                                                                                 \
    case 1: function(rows, 1, __VA_ARGS__); break;                                                                     \
    case 2: function(rows, 2, __VA_ARGS__); break;                                                                     \
    case 3: function(rows, 3, __VA_ARGS__); break;                                                                     \
    case 4: function(rows, 4, __VA_ARGS__); break;                                                                     \
    default: function(rows, 5, __VA_ARGS__);                                                                           \
    }
#else
#define WITH_VECTORS(vectors, function, rows, ...)                                                                     \
    if ((vectors) == 1)                                                                                                \
        function(rows, 1, __VA_ARGS__);                                                                                \
    else                                                                                                               \
        function(rows, 2, __VA_ARGS__);
#endif

INLINE void product_rows(int rows, int64_t vectors, int finish, int64_t depth, Matrix weights, const float *bias,
                         const float *from, int64_t from_step, float *to, int64_t to_step, const float *gate)
{
    WITH_VECTORS(vectors, product_tile, rows, finish, depth, weights, bias, from, from_step, to, to_step, gate)
}

/* A band of columns is done for all rows before the next, so that what it reads stays in the nearest cache. */
INLINE void products_of(int finish, int64_t rows, int64_t depth, int64_t vectors, Matrix weights, const float *bias,
                        const float *from, int64_t from_step, float *to, int64_t to_step, const float *gate)
{
    for (int64_t v = 0, wide; v < vectors; v += wide) {
        wide = even_turn(vectors - v, TILE_VECTORS);
        for (int64_t r = 0, high; r < rows; r += high) {
            high = even_turn(rows - r, TILE_ROWS);
            int64_t place = r * to_step + v * LANES;
            Matrix part = {weights.at + r * weights.row, weights.row, weights.col};
            const float *start = bias ? bias + r : bias;
            WITH_ROWS(high, product_rows, wide, finish, depth, part, start, from + v * LANES, from_step, to + place,
                      to_step, gate ? gate + place : gate)
        }
    }
}

/* to[r, p] = bias[r] + sum_c weights[r, c] from[c, p]; no bias where it is NULL. */
static void multiply_planes(int64_t rows, int64_t depth, int64_t vectors, Matrix weights, const float *bias,
                            const float *from, int64_t from_step, float *to, int64_t to_step)
{
    products_of(PLAIN, rows, depth, vectors, weights, bias, from, from_step, to, to_step, 0);
}

/* The same, and the larger of it and zero is written. */
static void multiply_planes_relu(int64_t rows, int64_t depth, int64_t vectors, Matrix weights, const float *bias,
                                 const float *from, int64_t from_step, float *to, int64_t to_step)
{
    products_of(RELU, rows, depth, vectors, weights, bias, from, from_step, to, to_step, 0);
}

/* The same, and zero is written where `gate`, a plane like `to`, is not positive. */
static void multiply_planes_gated(int64_t rows, int64_t depth, int64_t vectors, Matrix weights, const float *bias,
                                  const float *from, int64_t from_step, float *to, int64_t to_step, const float *gate)
{
    products_of(GATED, rows, depth, vectors, weights, bias, from, from_step, to, to_step, gate);
}

/* The same, added to what stands there. */
static void add_multiplied_planes(int64_t rows, int64_t depth, int64_t vectors, Matrix weights, const float *bias,
                                  const float *from, int64_t from_step, float *to, int64_t to_step)
{
    products_of(ADDED, rows, depth, vectors, weights, bias, from, from_step, to, to_step, 0);
}

#ifdef __clang__
#define SHUFFLED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLED(a, b, ...) __builtin_shuffle(a, b, (Integers){__VA_ARGS__})
#endif

/* Sums of neighbouring parts of a and of b, half as long as those they are made of. */
#if LANES == 16
INLINE Vector halves(Vector a, Vector b)
{
    return SHUFFLED(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           SHUFFLED(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}
INLINE Vector quarters(Vector a, Vector b)
{
    return SHUFFLED(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
           SHUFFLED(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}
INLINE Vector eighths(Vector a, Vector b)
{
    return SHUFFLED(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
           SHUFFLED(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
}
INLINE Vector singles(Vector a, Vector b)
{
    return SHUFFLED(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
           SHUFFLED(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
#else
INLINE Vector halves(Vector a, Vector b)
{
    return SHUFFLED(a, b, 0, 1, 2, 3, 8, 9, 10, 11) + SHUFFLED(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
}
INLINE Vector quarters(Vector a, Vector b)
{
    return SHUFFLED(a, b, 0, 1, 4, 5, 8, 9, 12, 13) + SHUFFLED(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
}
INLINE Vector singles(Vector a, Vector b)
{
    return SHUFFLED(a, b, 0, 2, 4, 6, 8, 10, 12, 14) + SHUFFLED(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
}
#endif

/* The totals of LANES vectors, in their order. Overwrites them. */
INLINE Vector totals(Vector *vectors)
{
    UNROLL_TILE
    for (int i = 0; i < LANES / 2; i++)
        vectors[i] = halves(vectors[2 * i], vectors[2 * i + 1]);
    UNROLL_TILE
    for (int i = 0; i < LANES / 4; i++)
        vectors[i] = quarters(vectors[2 * i], vectors[2 * i + 1]);
#if LANES == 16
    UNROLL_TILE
    for (int i = 0; i < LANES / 8; i++)
        vectors[i] = eighths(vectors[2 * i], vectors[2 * i + 1]);
#endif
    return singles(vectors[0], vectors[1]);
}

INLINE void outer_tile(int rows, int cols, int64_t vectors, const float *a, int64_t a_step, const float *b,
                       int64_t b_step, float *to, int64_t to_step)
{
    Vector sums[LANES] = {{0}};
    for (int64_t v = 0; v < vectors; v++, a += LANES, b += LANES) {
        Vector right[TILE_COLS];
        UNROLL_TILE
        for (int c = 0; c < cols; c++) {
            right[c] = load(b + c * b_step);
            KEEP(right[c]);
        }
        UNROLL_TILE
        for (int r = 0; r < rows; r++) {
            Vector left = load(a + r * a_step);
            KEEP(left);
            UNROLL_TILE
            for (int c = 0; c < cols; c++)
                sums[r * TILE_COLS + c] += left * right[c];
        }
    }
    float found[LANES];
    store(found, totals(sums));
    UNROLL_TILE
    for (int r = 0; r < rows; r++) {
        UNROLL_TILE
        for (int c = 0; c < cols; c++)
            to[r * to_step + c] += found[r * TILE_COLS + c];
    }
}

INLINE void outer_rows(int rows, int64_t cols, int64_t vectors, const float *a, int64_t a_step, const float *b,
                       int64_t b_step, float *to, int64_t to_step)
{
    switch (cols) {
    case 1: outer_tile(rows, 1, vectors, a, a_step, b, b_step, to, to_step); break;
    case 2: outer_tile(rows, 2, vectors, a, a_step, b, b_step, to, to_step); break;
    case 3: outer_tile(rows, 3 < TILE_COLS ? 3 : 1, vectors, a, a_step, b, b_step, to, to_step); break;
    default: outer_tile(rows, TILE_COLS, vectors, a, a_step, b, b_step, to, to_step);
    }
}

/* to[r, c] += sum_p a[r, p] b[c, p]. */
static void add_outer_products(int64_t rows, int64_t cols, int64_t vectors, const float *a, int64_t a_step,
                               const float *b, int64_t b_step, float *to, int64_t to_step)
{
    for (int64_t r = 0, high; r < rows; r += high) {
        high = even_turn(rows - r, TILE_ROWS);
        for (int64_t c = 0, wide; c < cols; c += wide) {
            wide = even_turn(cols - c, TILE_COLS);
            WITH_ROWS(high, outer_rows, wide, vectors, a + r * a_step, a_step, b + c * b_step, b_step,
                      to + r * to_step + c, to_step)
        }
    }
}

/* to[r, c] += sum_p a[r, p] a[c, p] for c up to r; what is written beyond is of no use. */
static void add_own_products(int64_t rows, int64_t vectors, const float *a, int64_t a_step, float *to, int64_t to_step)
{
    for (int64_t r = 0, high; r < rows; r += high) {
        high = even_turn(rows - r, TILE_ROWS);
        for (int64_t c = 0, wide; c < r + high; c += wide) {
            wide = even_turn(rows - c, TILE_COLS);
            WITH_ROWS(high, outer_rows, wide, vectors, a + r * a_step, a_step, a + c * a_step, a_step,
                      to + r * to_step + c, to_step)
        }
    }
}

#endif
