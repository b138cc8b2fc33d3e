// Products with packed weights: assembly/quantized.ts, bit for bit. Whole numbers are exact; sums of blocks are added up one after
// the other, each by a multiplication and an addition.
#include "call.h"
#if defined(__AVX512VNNI__)
#include "panels-vnni.h"
#else
#include "panels.h"

/** 32 of the 256 numbers of Q6_K from `i` on, from 0 to 63. */
INLINE Bytes six_bits(const uint8_t *p, int i) {
  const int side = i >> 7, quarter = (i >> 5) & 3;
  const uint8_t *low = p + 64 * side + 32 * (quarter & 1), *high = p + 128 + 32 * side;
#if VL == 4
  const Bytes four = halves_of_bytes(low, quarter >> 1);
  const int8x16_t shift = vdupq_n_s8((int8_t)(-2 * quarter));
  const uint8x16_t m = vdupq_n_u8(3);
  const uint8x16_t a = vandq_u8(vshlq_u8(vld1q_u8(high), shift), m), b = vandq_u8(vshlq_u8(vld1q_u8(high + 16), shift), m);
  return (Bytes){vorrq_s8(four.a, vreinterpretq_s8_u8(vshlq_n_u8(a, 4))), vorrq_s8(four.b, vreinterpretq_s8_u8(vshlq_n_u8(b, 4)))};
#else
  const Bytes two = _mm256_and_si256(_mm256_srli_epi16(bytes_at_(high), 2 * quarter), _mm256_set1_epi8(3));
  return _mm256_or_si256(halves_of_bytes(low, quarter >> 1), _mm256_slli_epi16(two, 4));
#endif
}

/**
 * The products of a row of x with ROWS rows of the weight, which are read as they lie. The bytes from `next` on, where the rows after
 * them are, are fetched meanwhile: rows are too short for the processor to find out by itself in time.
 */
INLINE F rows_of(
    int format, const uint8_t *const first[ROWS], const int8_t *x, const float *scale, const int32_t *sum, int blocks, const uint8_t *next) {
  const uint8_t *p[ROWS];
  for (int r = 0; r < ROWS; r++) p[r] = first[r];
  F acc = {0};
  Sum v[ROWS];
  if (format <= Q4_1) {
    const int skip = format == I8 ? 0 : format == Q4_1 ? 4 : 2;
    const int bytes = format == I8 ? 32 : BYTES[format];
    for (int b = 0; b < blocks; b++, x += 32) {
      if (b % (64 / bytes) == 0) {
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++) __builtin_prefetch(next + 64 * r);
        next += 64 * ROWS;
      }
      const Bytes own = bytes_at_((const uint8_t *)x);
#pragma GCC unroll 8
      for (int r = 0; r < ROWS; r++)
        v[r] = format <= Q8_0 ? dot_signed(bytes_at_(p[r] + skip), own) : dot_small(nibbles_at(p[r] + skip), own);
      N total = total_of(v);
      const int all_of_x = sum[2 * b] + sum[2 * b + 1];
      if (format == Q4_0) total -= 8 * all_of_x;
      if (format == I8) acc += floats_of(total) * all(scale[b]);
      else if (format == Q4_1) {
        const F least = all((float)all_of_x) * halves_at(p, 2);
        acc += (least + floats_of(total) * halves_at(p, 0)) * all(scale[b]);
      } else acc += floats_of(total) * (halves_at(p, 0) * all(scale[b]));
      for (int r = 0; r < ROWS; r++) p[r] += bytes;
    }
    return acc;
  }
  for (int b = 0; b < blocks; b += 8) {
    const F d = halves_at(p, format == Q4_K ? 0 : 208);
    const F m = format == Q4_K ? halves_at(p, 2) : d;
    for (int part = 0; part < 8; part++, x += 32) {
      const Bytes own = bytes_at_((const uint8_t *)x);
      const int at = b + part;
      if (format == Q4_K) {
        F factor, offset;
        for (int r = 0; r < ROWS; r++) {
          int s, o;
          part_of(p[r] + 4, part, &s, &o);
          factor[r] = (float)s;
          offset[r] = (float)o;
          v[r] = dot_small(halves_of_bytes(p[r] + 16 + 32 * (part >> 1), part & 1), own);
        }
        const F first_term = floats_of(total_of(v)) * (d * factor);
        acc += (first_term - all((float)(sum[2 * at] + sum[2 * at + 1])) * (m * offset)) * all(scale[at]);
      } else {
        F a, c;
        for (int r = 0; r < ROWS; r++) {
          a[r] = (float)(int8_t)p[r][192 + 2 * part];
          c[r] = (float)(int8_t)p[r][193 + 2 * part];
          v[r] = dot_small(six_bits(p[r], 32 * part), own);
        }
        N left, right;
        sums_of(v, &left, &right);
        acc += floats_of(left - 32 * sum[2 * at]) * (d * a * all(scale[at]));
        acc += floats_of(right - 32 * sum[2 * at + 1]) * (d * c * all(scale[at]));
      }
    }
    for (int r = 0; r < ROWS; r++) p[r] += BYTES[format];
  }
  return acc;
}

/** From so many rows of x on, unpacking the weight once pays. */
#define MANY 6

static void rows_by_rows(const Problem *q, int n0, int n1) {
  for (int m = 0; m < q->M; m++) {
    const size_t at = (size_t)m * q->blocks;
    const int8_t *x = q->x + at * 32;
    const float *scale = q->scales + at;
    const int32_t *sum = q->sums + at * 2;
    for (int n = n0; n < n1; n += ROWS) {
      const uint8_t *p[ROWS];
      for (int r = 0; r < ROWS; r++) p[r] = q->w + (size_t)(n + r < n1 ? n + r : n) * q->row_bytes;
      const uint8_t *next = p[0] + ROWS * q->row_bytes;
      F v;
      switch (q->format) {
        case I8: v = rows_of(I8, p, x, scale, sum, q->blocks, next); break;
        case Q8_0: v = rows_of(Q8_0, p, x, scale, sum, q->blocks, next); break;
        case Q4_0: v = rows_of(Q4_0, p, x, scale, sum, q->blocks, next); break;
        case Q4_1: v = rows_of(Q4_1, p, x, scale, sum, q->blocks, next); break;
        case Q4_K: v = rows_of(Q4_K, p, x, scale, sum, q->blocks, next); break;
        default: v = rows_of(Q6_K, p, x, scale, sum, q->blocks, next);
      }
      for (int r = 0; r < ROWS && n + r < n1; r++) finish(q, m, n + r, v[r]);
    }
  }
}
#endif

#if defined(__AVX512VNNI__)
/** Memory bounds the product of one row, and is read faster in eight rows at a time than in sixteen. */
extern Kernel quantizedProduct_avx2;
#endif

/** Items [begin, end) of 32 columns of y [M,N] = x [M,K] · wᵀ + bias + residual, x as int8 in blocks of 32. */
KERNEL(quantizedProduct) {
  const int format = whole(call, 3, 0, Q6_K);
  const int M = size_of(call, 8), width = size_of(call, 9), K = size_of(call, 10);
  if (call->wrong || M == 0 || width == 0 || call->end == 0) return;
  if (K == 0 || K % VALUES[format]) wrong_argument(call, 10);
  if (call->wrong) return;
  if (call->end > (width - 1) / ITEM + 1) wrong_argument(call, 1);
  const int blocks = (K - 1) / 32 + 1;
  const size_t all = (size_t)M * blocks, row_bytes = (size_t)(K / VALUES[format]) * BYTES[format];
  const char *x = bytes_at(call, 6, call->numbers[6], (double)M * blocks * 44);
  const Problem q = {
      .format = format,
      .w = bytes_at(call, 4, call->numbers[4], (double)width * (double)row_bytes),
      .factors = format == I8 ? floats(call, 5, width) : NULL,
      .x = (const int8_t *)x,
      .scales = (const float *)(x + all * 32),
      .sums = (const int32_t *)(x + all * 36),
      .y = floats(call, 7, (double)M * width),
      .M = M,
      .N = width,
      .K = K,
      .blocks = blocks,
      .row_bytes = row_bytes,
      .bias = floats_or_none(call, 11, width),
      .residual = floats_or_none(call, 12, (double)M * width),
  };
  if (call->wrong) return;
  const int n0 = call->begin * ITEM, n1 = call->end > width / ITEM ? width : call->end * ITEM;
#if defined(__AVX512VNNI__)
  if (M == 1 && format <= Q8_0) quantizedProduct_avx2(call);
#else
  if (M < MANY) rows_by_rows(&q, n0, n1);
#endif
  else rows_by_panels(&q, n0, n1);
}
