// Many rows of x by packed weights: blocks of the weight are unpacked to 16 bits, two numbers of a row beside each other and VL rows a
// vector, and serve all rows of x.
#pragma once
#include "quantized.h"

/** Blocks of 32 that are unpacked at once. */
#define CHUNK 16

typedef struct {
  int16_t numbers[CHUNK * 16][VL][2];
  /** Of each group of 32, or 16 of Q6_K: number·factor - (sum of x)·offset. */
  float factors[CHUNK * 2][VL], offsets[CHUNK * 2][VL];
} Unpacked;

/** Unpacks blocks [b0, b1) of VL rows from n on, of which those beyond n1 repeat the first. */
static void unpack_rows(const Problem *q, int n, int n1, int b0, int b1, Unpacked *to) {
  const int format = q->format, groups = format == Q6_K ? 2 : 1;
  for (int r = 0; r < VL; r++) {
    const uint8_t *row = q->w + (size_t)(n + r < n1 ? n + r : n) * q->row_bytes;
    for (int b = b0; b < b1; b++) {
      int16_t numbers[32];
      float factor[2] = {0, 0}, offset[2] = {0, 0};
      unpack(format, row, b, numbers, factor, offset);
      for (int k = 0; k < 16; k++) memcpy(to->numbers[(b - b0) * 16 + k][r], numbers + 2 * k, 4);
      for (int g = 0; g < groups; g++) {
        to->factors[(b - b0) * groups + g][r] = factor[g];
        to->offsets[(b - b0) * groups + g][r] = offset[g];
      }
    }
  }
}

/** acc + the products of two numbers each. */
INLINE Words pairs(Words acc, const int16_t (*w)[2], int32_t x) {
#if VL == 8
  return _mm256_add_epi32(
      acc, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)w), _mm256_set1_epi32(x)));
#else
  const int16x8_t left = vld1q_s16((const int16_t *)w), right = vreinterpretq_s16_s32(vdupq_n_s32(x));
  return vaddq_s32(acc, vpaddq_s32(vmull_s16(vget_low_s16(left), vget_low_s16(right)),
                                   vmull_s16(vget_high_s16(left), vget_high_s16(right))));
#endif
}

/** 32 bytes as 16 bits. */
INLINE void widen(const int8_t *from, int16_t *to) {
#if VL == 4
  for (int i = 0; i < 32; i += 8) vst1q_s16(to + i, vmovl_s8(vld1_s8(from + i)));
#else
  for (int i = 0; i < 32; i += 16)
    _mm256_storeu_si256((__m256i *)(to + i), _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(from + i))));
#endif
}

/** Rows of x whose sums are taken side by side. */
#define TOGETHER 4

/** Adds the products of `count` (a constant) rows of x with unpacked blocks to acc. */
INLINE void products(
    int count, int groups, int affine, const Unpacked *w, const int32_t (*x)[CHUNK * 16], const float *const *scale,
    const int32_t *const *sum, int blocks, V *acc) {
  for (int b = 0; b < blocks; b++) {
    for (int g = 0; g < groups; g++) {
      Words even[TOGETHER], odd[TOGETHER];
#pragma GCC unroll 4
      for (int i = 0; i < count; i++) even[i] = odd[i] = (Words)splat(0);
#pragma GCC unroll 8
      for (int k = g * (16 / groups); k < (g + 1) * (16 / groups); k += 2) {
#pragma GCC unroll 4
        for (int i = 0; i < count; i++) even[i] = pairs(even[i], w->numbers[b * 16 + k], x[i][b * 16 + k]);
#pragma GCC unroll 4
        for (int i = 0; i < count; i++) odd[i] = pairs(odd[i], w->numbers[b * 16 + k + 1], x[i][b * 16 + k + 1]);
      }
      const V factor = load(w->factors[b * groups + g]);
#pragma GCC unroll 4
      for (int i = 0; i < count; i++) {
        const V total = __builtin_convertvector((I)even[i] + (I)odd[i], V);
        if (affine) {
          const V own = splat((float)(sum[i][2 * b] + sum[i][2 * b + 1]));
          acc[i] += (total * factor - own * load(w->offsets[b])) * splat(scale[i][b]);
        } else acc[i] += total * (factor * splat(scale[i][b]));
      }
    }
  }
}

/** Adds the products of blocks [b0, b1) of `count` rows of x from m on to acc. */
static void some_rows(int count, const Unpacked *w, const Problem *q, int m, int b0, int b1, V *acc) {
  const int format = q->format;
  int32_t x[TOGETHER][CHUNK * 16];
  const float *scale[TOGETHER];
  const int32_t *sum[TOGETHER];
  for (int i = 0; i < count; i++) {
    const size_t at = (size_t)(m + i) * q->blocks + b0;
    scale[i] = q->scales + at;
    sum[i] = q->sums + at * 2;
    for (int b = 0; b < b1 - b0; b++) widen(q->x + (at + b) * 32, (int16_t *)(x[i] + b * 16));
  }
  const int affine = format == Q4_1 || format == Q4_K;
  const int blocks = b1 - b0;
  if (count == TOGETHER) {
    if (format == Q6_K) products(TOGETHER, 2, 0, w, x, scale, sum, blocks, acc);
    else if (affine) products(TOGETHER, 1, 1, w, x, scale, sum, blocks, acc);
    else products(TOGETHER, 1, 0, w, x, scale, sum, blocks, acc);
    return;
  }
  for (int i = 0; i < count; i++) {
    if (format == Q6_K) products(1, 2, 0, w, x + i, scale + i, sum + i, blocks, acc + i);
    else if (affine) products(1, 1, 1, w, x + i, scale + i, sum + i, blocks, acc + i);
    else products(1, 1, 0, w, x + i, scale + i, sum + i, blocks, acc + i);
  }
}

/** Sums of all rows of x wait in y between chunks. */
static void rows_by_panels(const Problem *q, int n0, int n1) {
  Unpacked w;
  for (int n = n0; n < n1; n += VL) {
    const int rows = n1 - n < VL ? n1 - n : VL;
    for (int b0 = 0; b0 < q->blocks; b0 += CHUNK) {
      const int b1 = b0 + CHUNK < q->blocks ? b0 + CHUNK : q->blocks;
      unpack_rows(q, n, n1, b0, b1, &w);
      for (int m = 0; m < q->M; m += TOGETHER) {
        const int count = q->M - m < TOGETHER ? q->M - m : TOGETHER;
        V acc[TOGETHER];
        for (int i = 0; i < count; i++)
          acc[i] = b0 == 0 ? splat(0) : load_part(q->y + (size_t)(m + i) * q->N + n, rows);
        some_rows(count, &w, q, m, b0, b1, acc);
        for (int i = 0; i < count; i++) {
          if (b1 == q->blocks) acc[i] = finish_columns(q, m + i, n, rows, acc[i]);
          store_part(q->y + (size_t)(m + i) * q->N + n, acc[i], rows);
        }
      }
    }
  }
}
