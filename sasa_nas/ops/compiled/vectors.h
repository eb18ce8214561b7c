/* Vectors of floats in the extensions that GCC and Clang share: one source for AVX2, AVX-512, NEON and the rest. */
#ifndef SASA_NAS_VECTORS_H
#define SASA_NAS_VECTORS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8 /* where a register holds four floats, the compiler takes two */
#endif

/* Inlined whatever its size: called with constants, of which it makes registers and unrolled loops. */
#define INLINE static inline __attribute__((always_inline))
#define ALIGNMENT (LANES * (int64_t)sizeof(float))

typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef int32_t Integers __attribute__((vector_size(LANES * 4)));

/* Reads LANES floats from any address. */
INLINE Vector load(const float *from)
{
    Vector vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

INLINE Integers load_integers(const int32_t *from)
{
    Integers vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

/* Writes LANES floats to any address. */
INLINE void store(float *to, Vector vector) { memcpy(to, &vector, sizeof vector); }

INLINE Vector splat(float number) { return number - (Vector){0}; }

/* `vector` where `keep` is -1, zero where it is 0, whatever stood there: NaN too. */
INLINE Vector where(Integers keep, Vector vector) { return (Vector)((Integers)vector & keep); }

/* `a` where `which` is -1, `b` where it is 0. */
INLINE Vector choose(Integers which, Vector a, Vector b)
{
    return (Vector)(((Integers)a & which) | ((Integers)b & ~which));
}

INLINE Vector larger(Vector a, Vector b) { return choose(a > b, a, b); }

INLINE float total(Vector vector)
{
    float sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += vector[i];
    return sum;
}

/* e^x for x up to 88, to 1e-7 of its value; exactly zero below -88.

   e^x = 2^n e^r with n the integer nearest to x / ln 2, so |r| <= ln 2 / 2, where Taylor's series to the seventh
   power is off by 5e-9. ln 2 is taken off in two parts, the first with few enough bits for n times it to be exact. */
INLINE Vector exponential(Vector x)
{
    const float rounder = 0x1.8p23f; /* adding it leaves the integer in the lowest bits */
    x = choose(x < -88.0f, splat(-88.0f), x);
    Vector rounded = x * 0x1.715476p0f + rounder;
    Integers n = (Integers)rounded - (Integers)splat(rounder);
    rounded -= rounder;
    Vector r = x - rounded * 0x1.63p-1f;
    r = r + rounded * 0x1.bd0106p-13f;
    Vector series = r * (1.0f / 5040) + 1.0f / 720;
    series = series * r + 1.0f / 120;
    series = series * r + 1.0f / 24;
    series = series * r + 1.0f / 6;
    series = series * r + 0.5f;
    series = series * r + 1.0f;
    series = series * r + 1.0f;
    return series * (Vector)((n + 127) << 23); /* n = -127 makes the power of two zero */
}

/* The natural logarithm of x from 1 up, to 1e-7 of it.

   x = 2^n m with m between sqrt(1/2) and sqrt(2), so |s| < 0.172 with s = (m - 1) / (m + 1), of which
   ln m = 2 (s + s^3 / 3 + s^5 / 5 + ...). */
INLINE Vector logarithm(Vector x)
{
    const Integers root = (Integers)splat(0x1.6a09e6p-1f);
    Integers n = ((Integers)x - root) >> 23;
    Vector m = (Vector)((Integers)x - (n << 23));
    Vector s = (m - 1) / (m + 1), square = s * s;
    Vector series = square * (1.0f / 9) + 1.0f / 7;
    series = series * square + 1.0f / 5;
    series = series * square + 1.0f / 3;
    series = series * square + 1.0f;
    Vector power;
    for (int i = 0; i < LANES; i++)
        power[i] = (float)n[i];
    return power * 0x1.62e43p-1f + (series * (2 * s) - power * 0x1.05c61p-29f);
}

#endif
