// The formats of packed weights, and a product with them.
#pragma once
#include "dot8.h"

enum { I8, Q8_0, Q4_0, Q4_1, Q4_K, Q6_K };
static const int VALUES[] = {1, 32, 32, 32, 256, 256};
static const int BYTES[] = {1, 34, 18, 20, 144, 210};

/** Rows of the weight of an item of work. */
#define ITEM 32

typedef struct {
  int format;
  const uint8_t *w;
  const float *factors;
  const int8_t *x;
  const float *scales;
  const int32_t *sums;
  float *y;
  int M, N, K, blocks;
  size_t row_bytes;
  const float *bias, *residual;
} Problem;

/** Scale and minimum of a part of 32 of Q4_K. */
INLINE void part_of(const uint8_t *p, int part, int *scale, int *minimum) {
  p += part;
  if (part < 4) {
    *scale = p[0] & 63;
    *minimum = p[4] & 63;
  } else {
    *scale = (p[4] & 15) | (p[-4] >> 6) << 4;
    *minimum = (p[4] >> 4) | (p[0] >> 6) << 4;
  }
}

/** Scales the sum of a row's blocks, adds bias and residual, and writes it to y. */
INLINE void finish(const Problem *q, int m, int n, float v) {
  const size_t at = (size_t)m * q->N + n;
  if (q->factors) v *= q->factors[n];
  if (q->bias) v += q->bias[n];
  if (q->residual) v += q->residual[at];
  q->y[at] = v;
}

/** Scales the sums of `width` columns from n on, at most VL, and adds bias and residual, as `finish` does. */
INLINE V finish_columns(const Problem *q, int m, int n, int width, V v) {
  if (q->factors) v *= load_part(q->factors + n, width);
  if (q->bias) v += load_part(q->bias + n, width);
  if (q->residual) v += load_part(q->residual + (size_t)m * q->N + n, width);
  return v;
}

INLINE float half_value(const uint8_t *p) {
  float lanes[VL];
  uint16_t bits[16] = {*(const uint16_t *)p};
  store(lanes, half_floats((const uint8_t *)bits));
  return lanes[0];
}

/** Numbers, factors and offsets of one block of 32. */
static void unpack(int format, const uint8_t *row, int b, int16_t q[32], float factor[2], float offset[2]) {
  if (format == I8) {
    for (int i = 0; i < 32; i++) q[i] = ((const int8_t *)row)[32 * b + i];
    factor[0] = 1;
  } else if (format == Q8_0) {
    const uint8_t *p = row + 34 * (size_t)b;
    for (int i = 0; i < 32; i++) q[i] = ((const int8_t *)p)[2 + i];
    factor[0] = half_value(p);
  } else if (format <= Q4_1) {
    const uint8_t *p = row + (size_t)BYTES[format] * b;
    const int zero = format == Q4_0 ? 8 : 0, skip = format == Q4_0 ? 2 : 4;
    for (int i = 0; i < 16; i++) {
      q[i] = (int16_t)((p[skip + i] & 15) - zero);
      q[16 + i] = (int16_t)((p[skip + i] >> 4) - zero);
    }
    factor[0] = half_value(p);
    if (format == Q4_1) offset[0] = -half_value(p + 2);
  } else if (format == Q4_K) {
    const uint8_t *p = row + 144 * (size_t)(b >> 3);
    const int part = b & 7, shift = 4 * (part & 1);
    int s, o;
    part_of(p + 4, part, &s, &o);
    for (int i = 0; i < 32; i++) q[i] = (p[16 + 32 * (part >> 1) + i] >> shift) & 15;
    factor[0] = half_value(p) * (float)s;
    offset[0] = half_value(p + 2) * (float)o;
  } else {
    const uint8_t *p = row + 210 * (size_t)(b >> 3);
    const int part = b & 7, side = part >> 2, quarter = part & 3;
    const uint8_t *low = p + 64 * side + 32 * (quarter & 1), *high = p + 128 + 32 * side;
    for (int i = 0; i < 32; i++)
      q[i] = (int16_t)((((low[i] >> 4 * (quarter >> 1)) & 15) | ((high[i] >> 2 * quarter) & 3) << 4) - 32);
    for (int i = 0; i < 2; i++) factor[i] = half_value(p + 208) * (float)(int8_t)p[192 + 2 * part + i];
  }
}
