// Products with packed weights: assembly/quantized.ts, bit for bit. Whole numbers are exact; sums of blocks are added up one after
// the other, each by a multiplication and an addition.
#include "call.h"
#include "dot8.h"

enum { I8, Q8_0, Q4_0, Q4_1, Q4_K, Q6_K };
static const int VALUES[] = {1, 32, 32, 32, 256, 256};
static const int BYTES[] = {1, 34, 18, 20, 144, 210};

/** Rows of the weight of an item of work. */
#define ITEM 16

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

INLINE void finish(const Problem *q, int m, int n, float v) {
  const size_t at = (size_t)m * q->N + n;
  if (q->factors) v *= q->factors[n];
  if (q->bias) v += q->bias[n];
  if (q->residual) v += q->residual[at];
  q->y[at] = v;
}

#if !defined(__AVX512VNNI__)
/**
 * The products of a row of x with ROWS rows of the weight, which are read as they lie. The rows after them, `ahead` bytes on, are
 * fetched meanwhile: rows are too short for the processor to find out by itself in time.
 */
INLINE F rows_of(
    int format, const uint8_t *const first[ROWS], const int8_t *x, const float *scale, const int32_t *sum, int blocks, size_t ahead) {
  const uint8_t *p[ROWS];
  for (int r = 0; r < ROWS; r++) p[r] = first[r];
  F acc = {0};
  Sum v[ROWS];
  if (format <= Q4_1) {
    const int skip = format == I8 ? 0 : format == Q4_1 ? 4 : 2;
    const int bytes = format == I8 ? 32 : BYTES[format];
    for (int b = 0; b < blocks; b++, x += 32) {
      if ((b & (bytes < 32 ? 3 : 1)) == 0) {
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++) __builtin_prefetch(p[r] + ahead);
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

static void rows_by_rows(const Problem *q, int n0, int n1) {
  const size_t ahead = ROWS * q->row_bytes;
  for (int m = 0; m < q->M; m++) {
    const size_t at = (size_t)m * q->blocks;
    const int8_t *x = q->x + at * 32;
    const float *scale = q->scales + at;
    const int32_t *sum = q->sums + at * 2;
    for (int n = n0; n < n1; n += ROWS) {
      const uint8_t *p[ROWS];
      for (int r = 0; r < ROWS; r++) p[r] = q->w + (size_t)(n + r < n1 ? n + r : n) * q->row_bytes;
      F v;
      switch (q->format) {
        case I8: v = rows_of(I8, p, x, scale, sum, q->blocks, ahead); break;
        case Q8_0: v = rows_of(Q8_0, p, x, scale, sum, q->blocks, ahead); break;
        case Q4_0: v = rows_of(Q4_0, p, x, scale, sum, q->blocks, ahead); break;
        case Q4_1: v = rows_of(Q4_1, p, x, scale, sum, q->blocks, ahead); break;
        case Q4_K: v = rows_of(Q4_K, p, x, scale, sum, q->blocks, ahead); break;
        default: v = rows_of(Q6_K, p, x, scale, sum, q->blocks, ahead);
      }
      for (int r = 0; r < ROWS && n + r < n1; r++) finish(q, m, n + r, v[r]);
    }
  }
}

#endif

// Many rows of x: blocks of the weight are unpacked to 16 bits, two numbers of a row beside each other and VL rows a vector,
// and serve all rows of x.

/** Blocks of 32 that are unpacked at once. */
#define CHUNK 16

typedef struct {
  int16_t numbers[CHUNK * 16][VL][2];
  /** Of each group of 32, or 16 of Q6_K: number·factor - (sum of x)·offset. */
  float factors[CHUNK * 2][VL], offsets[CHUNK * 2][VL];
} Unpacked;

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
#if VL == 16
  const __m512i left = _mm512_loadu_si512(w), right = _mm512_set1_epi32(x);
#if defined(__AVX512VNNI__)
  return _mm512_dpwssd_epi32(acc, left, right);
#else
  return _mm512_add_epi32(acc, _mm512_madd_epi16(left, right));
#endif
#elif VL == 8
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
        for (int i = 0; i < count; i++) store_part(q->y + (size_t)(m + i) * q->N + n, acc[i], rows);
      }
    }
    for (int m = 0; m < q->M; m++) {
      for (int r = 0; r < rows; r++) finish(q, m, n + r, q->y[(size_t)m * q->N + n + r]);
    }
  }
}

/** From so many rows of x on, unpacking the weight once pays. */
#define MANY 6

#if defined(__AVX512VNNI__)
/** Few rows gain nothing by longer vectors. */
extern Kernel quantizedProduct_avx2;
#endif

/** Items [begin, end) of 16 columns of y [M,N] = x [M,K] · wᵀ + bias + residual, x as int8 in blocks of 32. */
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
  if (M < MANY) quantizedProduct_avx2(call);
#else
  if (M < MANY) rows_by_rows(&q, n0, n1);
#endif
  else rows_by_panels(&q, n0, n1);
}
