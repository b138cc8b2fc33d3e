// Products by dot products of bytes (vpdpbusd): blocks of VL rows of the weight are unpacked to bytes from 0 on, four numbers of a row
// beside each other and a row a lane, and serve all rows of x. What is added to a number to make it a byte is taken away again as
// so many times the sum of x, with which a sum begins. All of that is exact.
#pragma once
#include "quantized.h"

/** Blocks of 32 that are unpacked at once. */
#define CHUNK 24
/** Vectors of rows of the weight that are multiplied side by side with many rows of x. */
#define PANELS 2
/** Rows of x that are. */
#define TOGETHER 4

/** A block of 32 of each of VL rows: number k·4 + i of row r is byte 4r + i of vector k. */
typedef struct {
  __m512i numbers[8];
  /** Of each 32, or of each 16 of Q6_K: number·factor - (sum of x)·offset. */
  V factors[2], offset;
} Block;

/** What is added to the numbers of a format. */
INLINE int zero_of(int format) { return format <= Q8_0 ? 128 : format == Q4_0 ? 8 : format == Q6_K ? 32 : 0; }

/** VL rows of the weight, `stride` bytes one after the other. */
typedef struct {
  const uint8_t *first;
  size_t stride;
} WeightRows;

/** 16 bytes of each row, `at` bytes after its beginning: word k of row r is lane r of vector k. */
INLINE void words_at(WeightRows rows, size_t at, __m512i words[4]) {
  __m512i v[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const uint8_t *p = rows.first + at + i * rows.stride;
#define FOUR(r) _mm_loadu_si128((const __m128i *)(p + (r) * rows.stride))
    v[i] = _mm512_castsi128_si512(FOUR(0));
    v[i] = _mm512_inserti32x4(v[i], FOUR(4), 1);
    v[i] = _mm512_inserti32x4(v[i], FOUR(8), 2);
    v[i] = _mm512_inserti32x4(v[i], FOUR(12), 3);
#undef FOUR
  }
  const __m512i a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpackhi_epi32(v[0], v[1]);
  const __m512i c = _mm512_unpacklo_epi32(v[2], v[3]), d = _mm512_unpackhi_epi32(v[2], v[3]);
  words[0] = _mm512_unpacklo_epi64(a, c);
  words[1] = _mm512_unpackhi_epi64(a, c);
  words[2] = _mm512_unpacklo_epi64(b, d);
  words[3] = _mm512_unpackhi_epi64(b, d);
}

/** The half-precision numbers in the low halves of words. */
INLINE V halves_of_words(__m512i words) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words)); }

INLINE __m512i masked(__m512i words, int shift, char mask) {
  return _mm512_and_si512(_mm512_srli_epi32(words, shift), _mm512_set1_epi8(mask));
}

/** Factors in half precision, with which blocks of 32 begin, and for Q4_1 what is added. */
INLINE void unpack_factors(int format, WeightRows rows, size_t at, Block *to) {
  __m512i head[4];
  words_at(rows, at, head);
  to->factors[0] = halves_of_words(head[0]);
  if (format == Q4_1) to->offset = splat(0) - halves_of_words(_mm512_srli_epi32(head[0], 16));
}

/** I8, Q8_0 */
INLINE void unpack_bytes(int format, WeightRows rows, int b, Block *to) {
  const size_t at = (size_t)b * (format == I8 ? 32 : 34);
  for (int half = 0; half < 2; half++) {
    __m512i v[4];
    words_at(rows, at + (format == I8 ? 0 : 2) + 16 * half, v);
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) to->numbers[4 * half + k] = _mm512_xor_si512(v[k], _mm512_set1_epi8(-128));
  }
  if (format == Q8_0) unpack_factors(format, rows, at, to);
}

/** Q4_0, Q4_1 */
INLINE void unpack_nibbles(int format, WeightRows rows, int b, Block *to) {
  const size_t at = (size_t)b * BYTES[format];
  __m512i v[4];
  words_at(rows, at + BYTES[format] - 16, v);
#pragma GCC unroll 4
  for (int k = 0; k < 4; k++) {
    to->numbers[k] = masked(v[k], 0, 15);
    to->numbers[4 + k] = masked(v[k], 4, 15);
  }
  unpack_factors(format, rows, at, to);
}

/** Two factors in half precision, 12 bytes with a scale and a minimum of six bits a part, then the nibbles of two parts a byte. */
INLINE void unpack_q4_k(WeightRows rows, int b, Block *to) {
  const size_t at = (size_t)(b >> 3) * BYTES[Q4_K];
  const int part = b & 7, shift = 8 * (part & 3);
  __m512i v[8], head[4];
  words_at(rows, at + 16 + 32 * (part >> 1), v);
  words_at(rows, at + 32 + 32 * (part >> 1), v + 4);
#pragma GCC unroll 8
  for (int k = 0; k < 8; k++) to->numbers[k] = masked(v[k], 4 * (part & 1), 15);
  words_at(rows, at, head);
  __m512i scale = _mm512_srli_epi32(head[1], shift), minimum = _mm512_srli_epi32(head[2], shift);
  if (part >= 4) {
    const __m512i last = _mm512_srli_epi32(head[3], shift);
    scale = _mm512_or_si512(masked(last, 0, 15), masked(scale, 2, 48));
    minimum = _mm512_or_si512(masked(last, 4, 15), masked(minimum, 2, 48));
  }
  const __m512i six = _mm512_set1_epi32(63);
  to->factors[0] = halves_of_words(head[0]) * _mm512_cvtepi32_ps(_mm512_and_si512(scale, six));
  to->offset = halves_of_words(_mm512_srli_epi32(head[0], 16)) * _mm512_cvtepi32_ps(_mm512_and_si512(minimum, six));
}

/** Low four bits of 256 numbers, their high two, a signed byte each 16, and a factor in half precision. */
INLINE void unpack_q6_k(WeightRows rows, int b, Block *to) {
  const size_t at = (size_t)(b >> 3) * BYTES[Q6_K];
  const int part = b & 7, side = part >> 2, quarter = part & 3;
  const size_t from = at + 64 * side + 32 * (quarter & 1);
  __m512i low[8], high[8];
  words_at(rows, from, low);
  words_at(rows, from + 16, low + 4);
  words_at(rows, at + 128 + 32 * side, high);
  words_at(rows, at + 144 + 32 * side, high + 4);
#pragma GCC unroll 8
  for (int k = 0; k < 8; k++) {
    const __m512i two = masked(high[k], 2 * quarter, 3);
    to->numbers[k] = _mm512_or_si512(masked(low[k], 4 * (quarter >> 1), 15), _mm512_slli_epi32(two, 4));
  }
  __m512i scales[4], tail[4];
  words_at(rows, at + 192, scales);
  words_at(rows, at + 194, tail);
  const V factor = halves_of_words(_mm512_srli_epi32(tail[3], 16));
  for (int g = 0; g < 2; g++) {
    const __m512i byte = _mm512_slli_epi32(scales[part >> 1], 24 - 8 * (2 * (part & 1) + g));
    to->factors[g] = factor * _mm512_cvtepi32_ps(_mm512_srai_epi32(byte, 24));
  }
}

/** Block b of VL rows. */
INLINE void unpack_block(int format, WeightRows rows, int b, Block *to) {
  if (format <= Q8_0) unpack_bytes(format, rows, b, to);
  else if (format <= Q4_1) unpack_nibbles(format, rows, b, to);
  else if (format == Q4_K) unpack_q4_k(rows, b, to);
  else unpack_q6_k(rows, b, to);
}

/** Unpacks blocks [b0, b1) of VL rows, and fetches what lies `ahead` bytes after them. */
static void unpack_rows(int format, WeightRows rows, int b0, int b1, size_t ahead, Block *to) {
#define CASE(f) \
  case f: \
    for (int b = b0; b < b1; b++) { \
      if (b % (64 / (BYTES[f] * 32 / VALUES[f])) == 0) { \
        for (int r = 0; r < VL; r++) __builtin_prefetch(rows.first + r * rows.stride + (size_t)b * BYTES[f] * 32 / VALUES[f] + ahead); \
      } \
      unpack_block(f, rows, b, to + b - b0); \
    } \
    break
  switch (format) {
    CASE(I8);
    CASE(Q8_0);
    CASE(Q4_0);
    CASE(Q4_1);
    CASE(Q4_K);
    CASE(Q6_K);
  }
#undef CASE
}

/** A row of x: its numbers, and the scale and two sums of 16 numbers of each block. */
typedef struct {
  const int8_t *x;
  const float *scales;
  const int32_t *sums;
} ActivationRow;

/** What `products` is compiled for: rows of x, panels, groups a block, and whether groups have no factors, or offsets too. */
typedef struct {
  int rows, panels, groups, plain, affine;
} Tile;

/** Adds the products of rows of x with blocks of panels to acc. */
INLINE void products(Tile t, int zero, const ActivationRow *x, const Block (*w)[CHUNK], int blocks, V (*acc)[PANELS]) {
  for (int b = 0; b < blocks; b++) {
#pragma GCC unroll 2
    for (int g = 0; g < t.groups; g++) {
      __m512i sums[TOGETHER][PANELS];
#pragma GCC unroll 8
      for (int i = 0; i < t.rows; i++) {
        const int32_t *own = x[i].sums + 2 * b + g;
        const __m512i begin = _mm512_set1_epi32(t.affine ? 0 : -zero * (t.groups == 2 ? own[0] : own[0] + own[1]));
#pragma GCC unroll 4
        for (int p = 0; p < t.panels; p++) sums[i][p] = begin;
      }
#pragma GCC unroll 8
      for (int k = g * (8 / t.groups); k < (g + 1) * (8 / t.groups); k++) {
        __m512i left[PANELS];
#pragma GCC unroll 4
        for (int p = 0; p < t.panels; p++) left[p] = w[p][b].numbers[k];
#pragma GCC unroll 8
        for (int i = 0; i < t.rows; i++) {
          int32_t word;
          memcpy(&word, x[i].x + 32 * b + 4 * k, 4);
          const __m512i right = _mm512_set1_epi32(word);
#pragma GCC unroll 4
          for (int p = 0; p < t.panels; p++) sums[i][p] = _mm512_dpbusd_epi32(sums[i][p], left[p], right);
        }
      }
#pragma GCC unroll 8
      for (int i = 0; i < t.rows; i++) {
        const V scale = splat(x[i].scales[b]);
#pragma GCC unroll 4
        for (int p = 0; p < t.panels; p++) {
          const V total = _mm512_cvtepi32_ps(sums[i][p]);
          if (t.plain) acc[i][p] += total * scale;
          else if (t.affine) {
            const V own = splat((float)(x[i].sums[2 * b] + x[i].sums[2 * b + 1]));
            acc[i][p] += (total * w[p][b].factors[0] - own * w[p][b].offset) * scale;
          } else acc[i][p] += total * (w[p][b].factors[g] * scale);
        }
      }
    }
  }
}

/** Blocks [b0, b1) of `rows` rows of x from m on by `panels` panels from column n on; sums wait in y between chunks. */
INLINE void tile(int rows, int panels, const Problem *q, const Block (*w)[CHUNK], int m, int n, int n1, int b0, int b1) {
  ActivationRow x[TOGETHER];
  V acc[TOGETHER][PANELS];
  int width[PANELS];
  for (int p = 0; p < panels; p++) width[p] = n1 - n - p * VL < VL ? n1 - n - p * VL : VL;
  for (int i = 0; i < rows; i++) {
    const size_t at = (size_t)(m + i) * q->blocks + b0;
    x[i] = (ActivationRow){q->x + at * 32, q->scales + at, q->sums + at * 2};
    const float *y = q->y + (size_t)(m + i) * q->N + n;
    for (int p = 0; p < panels; p++) acc[i][p] = b0 == 0 ? splat(0) : load_part(y + p * VL, width[p]);
  }
  const int format = q->format, blocks = b1 - b0;
  if (format == I8) products((Tile){rows, panels, 1, 1, 0}, 128, x, w, blocks, acc);
  else if (panels > 1 || format <= Q4_0) products((Tile){rows, panels, 1, 0, 0}, zero_of(format), x, w, blocks, acc);
  else if (format == Q6_K) products((Tile){rows, panels, 2, 0, 0}, 32, x, w, blocks, acc);
  else products((Tile){rows, panels, 1, 0, 1}, 0, x, w, blocks, acc);
  for (int i = 0; i < rows; i++) {
    float *y = q->y + (size_t)(m + i) * q->N + n;
    for (int p = 0; p < panels; p++) {
      V v = acc[i][p];
      if (b1 == q->blocks) v = finish_columns(q, m + i, n + p * VL, width[p], v);
      store_part(y + p * VL, v, width[p]);
    }
  }
}

static void tile_of_many(const Problem *q, const Block (*w)[CHUNK], int m, int n, int n1, int b0, int b1) {
  tile(TOGETHER, PANELS, q, w, m, n, n1, b0, b1);
}
static void tile_of_one(const Problem *q, const Block (*w)[CHUNK], int m, int n, int n1, int b0, int b1) {
  tile(1, 1, q, w, m, n, n1, b0, b1);
}

/** Columns [n0, n1) of y; of less than VL rows of the weight one is taken at a time, in all lanes. */
static void rows_by_panels(const Problem *q, int n0, int n1) {
  Block w[PANELS][CHUNK];
  const int most = q->M < TOGETHER ? 1 : PANELS;
  for (int n = n0; n < n1;) {
    const int left = (n1 - n) / VL, panels = left == 0 ? 1 : left < most ? left : most;
    const int width = left == 0 ? 1 : panels * VL;
    for (int b0 = 0; b0 < q->blocks; b0 += CHUNK) {
      const int b1 = b0 + CHUNK < q->blocks ? b0 + CHUNK : q->blocks;
      for (int p = 0; p < panels; p++) {
        const WeightRows rows = {q->w + (n + (size_t)p * VL) * q->row_bytes, left == 0 ? 0 : q->row_bytes};
        unpack_rows(q->format, rows, b0, b1, width * q->row_bytes, w[p]);
      }
      int m = 0;
      if (panels == PANELS && (q->format == I8 || q->format == Q4_0)) { // the others have few rows of x
        for (; m + TOGETHER <= q->M; m += TOGETHER) tile_of_many(q, w, m, n, n + width, b0, b1);
      }
      for (; m < q->M; m++) {
        for (int p = 0; p < panels; p++) tile_of_one(q, w + p, m, n + p * VL, n + width, b0, b1);
      }
    }
    n += width;
  }
}
