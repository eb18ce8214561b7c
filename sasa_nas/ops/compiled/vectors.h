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

/* The larger of two numbers, `b` where either is NaN. */
INLINE Vector larger(Vector a, Vector b) { return choose(a > b, a, b); }

/* A number, or `most` where it is larger; NaN stays NaN. */
INLINE Vector at_most(Vector x, Vector most) { return choose(x > most, most, x); }

/* Lane i becomes lane places[i]. */
INLINE Vector arrange(Vector vector, Integers places)
{
#ifdef __clang__
    Vector arranged;
    for (int i = 0; i < LANES; i++)
        arranged[i] = vector[places[i]];
    return arranged;
#else
    return __builtin_shuffle(vector, places);
#endif
}

INLINE float total(Vector vector)
{
    float sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += vector[i];
    return sum;
}

/* c0 + c1 r + ... + c6 r^6 */
INLINE Vector polynomial(Vector r, float c0, float c1, float c2, float c3, float c4, float c5, float c6)
{
    Vector series = r * c6 + c5;
    series = series * r + c4;
    series = series * r + c3;
    series = series * r + c2;
    series = series * r + c1;
    return series * r + c0;
}

/* Adding it to x leaves n + 127 in the lowest bits, n being the integer nearest to x: moved to a float's exponent, 2^n,
   which n = -127 makes zero. */
#define ROUNDER (0x1.8p23f + 127)

/* 2^x for x up to 127, to 1e-7 of its value; exactly zero below -127.

   2^x = 2^n 2^r with n the integer nearest to x, so |r| <= 1/2, where the polynomial of the sixth degree with the least
   largest error is off by 2e-9. */
INLINE Vector power_of_two(Vector x)
{
    Vector rounded = x + ROUNDER;
    Vector series = polynomial(x - (rounded - ROUNDER), 1.0f, 0x1.62e430p-1f, 0x1.ebfbdap-3f, 0x1.c6aed4p-5f,
                               0x1.3b2d9ap-7f, 0x1.5f45e0p-10f, 0x1.41ec4cp-13f);
    return where(~(x < -127.0f), series * (Vector)((Integers)rounded << 23));
}

/* e^x for x up to 88, to 1e-7 of its value; exactly zero below -88.

   As above with r = x - n ln 2, which is taken off in two parts, the first with few enough bits for n times it to be
   exact. */
INLINE Vector exponential(Vector x)
{
    Vector rounded = x * 0x1.715476p0f + ROUNDER;
    Vector n = rounded - ROUNDER;
    Vector r = x - n * 0x1.63p-1f;
    Vector series = polynomial(r + n * 0x1.bd0106p-13f, 1.0f, 1.0f, 0x1.fffffcp-2f, 0x1.555490p-3f,
                               0x1.5558fcp-5f, 0x1.123a2ep-7f, 0x1.6a211ep-10f);
    return where(~(x <= -88.0f), series * (Vector)((Integers)rounded << 23));
}

/* The natural logarithm of positive normal numbers, to 1e-7 of the larger of it and one; NaN of zero, infinity and NaN.

   x = 2^n m with m between the roots of 1 / 2 and 2, and log m = 2 artanh s with s = (m - 1) / (m + 1): |s| < 0.172,
   where the series to the ninth power is off by 1e-9 of its value. */
INLINE Vector logarithm(Vector x)
{
    const int32_t root = 0x3f3504f3; /* the bits of the root of 1 / 2 */
    Integers above = (Integers)x - root, n = above >> 23;
    Vector m = (Vector)((above & 0x7fffff) + root), s = (m - 1.0f) / (m + 1.0f), square = s * s;
    Vector series = square * (2.0f / 9) + 2.0f / 7;
    series = series * square + 2.0f / 5;
    series = series * square + 2.0f / 3;
    series = series * square * s + s * 2.0f;
    return __builtin_convertvector(n, Vector) * 0x1.62e43p-1f + series + (x / x - 1.0f);
}

#endif
