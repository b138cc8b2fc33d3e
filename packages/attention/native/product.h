// C [rows,columns] = A·B or C + A·B by register tiles: assembly/product.ts. A is read one number at a time. Vectors may be read
// beyond the last column, but are not written there.
#pragma once
#include "../../backend-simd/native/simd.h"
#include "problem.h"

/** A and C by their first numbers and their strides in floats: from row to row, and of A from one k to the next. */
typedef struct {
  const float *a;
  size_t row, step;
  const float *b;
  size_t b_step;
  float *c;
  size_t c_step;
  int depth, add;
} Factors;

/** `rows` by `vectors` vectors, both constants, of whose last one `last` floats are written. */
INLINE void product_tile(int rows, int vectors, const Factors *f, const float *a, const float *b, float *c, int last) {
  V sums[12][4];
#pragma GCC unroll 12
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) sums[r][v] = f->add ? load(c + r * f->c_step + v * VL) : splat(0);
  }
  const size_t row = f->row, step = f->step, b_step = f->b_step;
  for (int k = f->depth; k > 0; k--) {
    V right[4];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) right[v] = load(b + v * VL);
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
      const V left = splat(a[r * row]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) sums[r][v] = madd(left, right[v], sums[r][v]);
    }
    a += step;
    b += b_step;
  }
#pragma GCC unroll 12
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors - 1; v++) store(c + r * f->c_step + v * VL, sums[r][v]);
    float *end = c + r * f->c_step + (vectors - 1) * VL;
    if (last == VL) store(end, sums[r][vectors - 1]);
    else store_part(end, sums[r][vectors - 1], last);
  }
}

/** Most rows of a tile, as registers allow for one and for two vectors of columns. */
#if VL == 8
#define MOST_ROWS(vectors) ((vectors) == 1 ? 12 : 6)
#else
#define MOST_ROWS(vectors) 12
#endif

/** A strip of `vectors` vectors of columns, by as many rows as fit and by fewer at the end. */
INLINE void strip(int vectors, const Factors *f, int rows, const float *b, float *c, int last) {
  const float *a = f->a;
  int i = 0;
#define ROWS_BY(n)                                                        \
  for (; i + n <= rows; i += n) {                                         \
    product_tile(n, vectors, f, a, b, c, last);                           \
    a += n * f->row;                                                      \
    c += n * f->c_step;                                                   \
  }
  if (MOST_ROWS(vectors) == 12) {
    ROWS_BY(12)
    ROWS_BY(8)
  } else {
    ROWS_BY(6)
  }
  ROWS_BY(4)
  ROWS_BY(2)
  ROWS_BY(1)
#undef ROWS_BY
}

static __attribute__((noinline)) void multiply(const Factors *f, int rows, int columns) {
  int j = 0;
  for (; columns - j > VL; j += 2 * VL) {
    const int left = columns - j - VL;
    strip(2, f, rows, f->b + j, f->c + j, left < VL ? left : VL);
  }
  if (j < columns) strip(1, f, rows, f->b + j, f->c + j, columns - j);
}
