// Many rows of x by packed weights, by dot products of bytes (vpdpbusd): blocks of the weight are unpacked to bytes from 0 on, four
// numbers of a row beside each other and VL rows a vector, and serve all rows of x. What is added to a number to make it a byte
// is taken away again as so many times the sum of x, with which a sum begins. All of that is exact.
#pragma once
#include "quantized.h"

/** Blocks of 32 that are unpacked at once. */
#define CHUNK 24
/** Vectors of rows of the weight that are multiplied side by side. */
#define PANELS 2
/** Rows of x that are. */
#define TOGETHER 4

typedef struct {
  uint8_t numbers[CHUNK * 8][VL][4];
  /** Of each group of 32, or 16 of Q6_K: number·factor - (sum of x)·offset. */
  float factors[CHUNK * 2][VL], offsets[CHUNK * 2][VL];
} Unpacked;

/** What is added to the numbers of a format. */
INLINE int zero_of(int format) { return format <= Q8_0 ? 128 : format == Q4_0 ? 8 : format == Q6_K ? 32 : 0; }

/** A word of each of VL rows. */
INLINE __m512i words_at(const uint8_t *p, __m512i rows) { return _mm512_i32gather_epi32(rows, p, 1); }

INLINE __m512 halves_of_words(__m512i words) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words)); }

/** Unpacks a block of 32 of each of VL rows, which begin `rows` bytes after the first. */
INLINE void unpack_block(int format, const uint8_t *first, __m512i rows, int b, uint8_t (*numbers)[VL][4], float *factor, float *offset) {
  const int bytes = format == I8 ? 32 : BYTES[format];
  const uint8_t *p = first + (size_t)bytes * b;
  if (format <= Q8_0) {
    const __m512i sign = _mm512_set1_epi32((int)0x80808080);
    for (int k = 0; k < 8; k++)
      _mm512_storeu_si512(numbers[k], _mm512_xor_si512(words_at(p + bytes - 32 + 4 * k, rows), sign));
  } else {
    const __m512i low = _mm512_set1_epi8(15);
    for (int k = 0; k < 4; k++) {
      const __m512i v = words_at(p + bytes - 16 + 4 * k, rows);
      _mm512_storeu_si512(numbers[k], _mm512_and_si512(v, low));
      _mm512_storeu_si512(numbers[4 + k], _mm512_and_si512(_mm512_srli_epi16(v, 4), low));
    }
  }
  if (format == I8) return;
  const __m512i halves = words_at(p, rows);
  store(factor, halves_of_words(halves));
  if (format == Q4_1) store(offset, splat(0) - halves_of_words(_mm512_srli_epi32(halves, 16)));
}

/** Unpacks blocks [b0, b1) of VL rows from n on, of which those beyond n1 repeat the first. */
static void unpack_rows(const Problem *q, int n, int n1, int b0, int b1, Unpacked *to) {
  const int format = q->format;
  if (format <= Q4_1 && q->row_bytes < INT32_MAX / VL) {
    int32_t at[VL];
    for (int r = 0; r < VL; r++) at[r] = n + r < n1 ? (int32_t)(r * q->row_bytes) : 0;
    const __m512i rows = _mm512_loadu_si512(at);
    const uint8_t *first = q->w + (size_t)n * q->row_bytes;
    for (int b = b0; b < b1; b++)
      unpack_block(format, first, rows, b, to->numbers + 8 * (b - b0), to->factors[b - b0], to->offsets[b - b0]);
    return;
  }
  const int groups = format == Q6_K ? 2 : 1, zero = zero_of(format);
  for (int r = 0; r < VL; r++) {
    const uint8_t *row = q->w + (size_t)(n + r < n1 ? n + r : n) * q->row_bytes;
    for (int b = b0; b < b1; b++) {
      int16_t numbers[32];
      float factor[2] = {0, 0}, offset[2] = {0, 0};
      unpack(format, row, b, numbers, factor, offset);
      for (int k = 0; k < 32; k++) to->numbers[(b - b0) * 8 + (k >> 2)][r][k & 3] = (uint8_t)(numbers[k] + zero);
      for (int g = 0; g < groups; g++) {
        to->factors[(b - b0) * groups + g][r] = factor[g];
        to->offsets[(b - b0) * groups + g][r] = offset[g];
      }
    }
  }
}

/** Rows of x: their numbers, scales, and sums of 16 each. */
typedef struct {
  const int8_t *x[TOGETHER];
  const float *scale[TOGETHER];
  const int32_t *sum[TOGETHER];
} Rows;

/** Adds the products of rows of x with unpacked blocks to acc. */
INLINE void products(int groups, int plain, int affine, int zero, const Unpacked *w, const Rows *rows, int blocks, V acc[TOGETHER][PANELS]) {
  for (int b = 0; b < blocks; b++) {
#pragma GCC unroll 2
    for (int g = 0; g < groups; g++) {
      __m512i sums[TOGETHER][PANELS];
#pragma GCC unroll 4
      for (int i = 0; i < TOGETHER; i++) {
        const int32_t *own = rows->sum[i] + 2 * b + g;
        const __m512i begin = _mm512_set1_epi32(affine ? 0 : -zero * (groups == 2 ? own[0] : own[0] + own[1]));
#pragma GCC unroll 2
        for (int p = 0; p < PANELS; p++) sums[i][p] = begin;
      }
#pragma GCC unroll 8
      for (int k = 0; k < 8 / groups; k++) {
        const int at = b * 8 + g * (8 / groups) + k;
        __m512i left[PANELS];
#pragma GCC unroll 2
        for (int p = 0; p < PANELS; p++) left[p] = _mm512_loadu_si512(w[p].numbers[at]);
#pragma GCC unroll 4
        for (int i = 0; i < TOGETHER; i++) {
          int32_t word;
          memcpy(&word, rows->x[i] + 4 * at, 4);
          const __m512i right = _mm512_set1_epi32(word);
#pragma GCC unroll 2
          for (int p = 0; p < PANELS; p++) sums[i][p] = _mm512_dpbusd_epi32(sums[i][p], left[p], right);
        }
      }
#pragma GCC unroll 4
      for (int i = 0; i < TOGETHER; i++) {
        const V scale = splat(rows->scale[i][b]);
#pragma GCC unroll 2
        for (int p = 0; p < PANELS; p++) {
          const V total = _mm512_cvtepi32_ps(sums[i][p]);
          if (plain) acc[i][p] += total * scale;
          else if (affine) {
            const V own = splat((float)(rows->sum[i][2 * b] + rows->sum[i][2 * b + 1]));
            acc[i][p] += (total * load(w[p].factors[b]) - own * load(w[p].offsets[b])) * scale;
          } else acc[i][p] += total * (load(w[p].factors[b * groups + g]) * scale);
        }
      }
    }
  }
}

/** Sums of all rows of x wait in y between chunks. */
static void rows_by_panels(const Problem *q, int n0, int n1) {
  Unpacked w[PANELS];
  const int format = q->format;
  for (int n = n0; n < n1; n += PANELS * VL) {
    int width[PANELS];
    for (int p = 0; p < PANELS; p++) {
      const int left = n1 - n - p * VL;
      width[p] = left < 0 ? 0 : left < VL ? left : VL;
    }
    for (int b0 = 0; b0 < q->blocks; b0 += CHUNK) {
      const int b1 = b0 + CHUNK < q->blocks ? b0 + CHUNK : q->blocks;
      for (int p = 0; p < PANELS; p++)
        if (width[p] > 0) unpack_rows(q, n + p * VL, n1, b0, b1, w + p);
      for (int m = 0; m < q->M; m += TOGETHER) {
        Rows rows;
        float *y[TOGETHER];
        V acc[TOGETHER][PANELS];
        for (int i = 0; i < TOGETHER; i++) {
          const int row = m + i < q->M ? m + i : m; // of less than TOGETHER rows the first is multiplied again
          const size_t at = (size_t)row * q->blocks + b0;
          rows.x[i] = q->x + at * 32;
          rows.scale[i] = q->scales + at;
          rows.sum[i] = q->sums + at * 2;
          y[i] = q->y + (size_t)row * q->N + n;
          for (int p = 0; p < PANELS; p++) acc[i][p] = b0 == 0 ? splat(0) : load_part(y[i] + p * VL, width[p]);
        }
        const int blocks = b1 - b0;
        if (format == I8) products(1, 1, 0, 128, w, &rows, blocks, acc);
        else if (format == Q6_K) products(2, 0, 0, 32, w, &rows, blocks, acc);
        else if (format <= Q4_0) products(1, 0, 0, zero_of(format), w, &rows, blocks, acc);
        else products(1, 0, 1, 0, w, &rows, blocks, acc);
        for (int i = 0; i < TOGETHER && m + i < q->M; i++) {
          for (int p = 0; p < PANELS; p++) {
            V v = acc[i][p];
            if (b1 == q->blocks) v = finish_columns(q, m + i, n + p * VL, width[p], v);
            store_part(y[i] + p * VL, v, width[p]);
          }
        }
      }
    }
  }
}
