// Sums of 16 lanes side by side, as assembly/gemv.ts and half-product.ts have them.
#pragma once
#include "simd.h"

/** Four lanes. */
typedef float V4 __attribute__((vector_size(16)));
typedef float V4_at __attribute__((vector_size(16), aligned(4), may_alias));

INLINE V4 load4(const float *p) { return *(const V4_at *)p; }
INLINE float sum4(V4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }
#if VL == 4
INLINE V4 madd4(V4 a, V4 b, V4 c) { return madd(a, b, c); }
#else
INLINE V4 madd4(V4 a, V4 b, V4 c) { return _mm_fmadd_ps(a, b, c); }
#endif

/** The first n of four lanes, zeros after them. */
INLINE V4 load4_part(const float *p, int n) {
  V4 v = {0};
  for (int i = 0; i < 4 && i < n; i++) v[i] = p[i];
  return v;
}

#define SUMS (16 / VL)

/** Sums of 16 lanes side by side, which become four and then one. */
INLINE float sum_of(const V sums[SUMS]) {
  float lanes[16];
  for (int i = 0; i < SUMS; i++) store(lanes + i * VL, sums[i]);
  return sum4((load4(lanes) + load4(lanes + 4)) + (load4(lanes + 8) + load4(lanes + 12)));
}

/** Adds the products of the last K % 16 floats, which a and b begin with, to the first four of 16 lanes. */
INLINE void add_rest(const float *a, const float *b, int rest, V sums[SUMS]) {
  float lanes[16];
  for (int i = 0; i < SUMS; i++) store(lanes + i * VL, sums[i]);
  V4 first = load4(lanes);
  for (int k = 0; k < rest; k += 4) first = madd4(load4_part(a + k, rest - k), load4_part(b + k, rest - k), first);
  *(V4_at *)lanes = first;
  for (int i = 0; i < SUMS; i++) sums[i] = load(lanes + i * VL);
}
