// Products with few rows, bound by the bytes of B: assembly/gemv.ts, lane by lane.
#include "call.h"
#include "sums.h"

/** Rows of B whose products with a row of A are summed side by side: sums of one row wait for each other. */
#define TOGETHER 4

/** The products of one row of A with `rows` (a constant) rows of B. */
INLINE void dots(int rows, const float *a, const float *b, size_t K, float *out) {
  V sums[TOGETHER][SUMS];
  for (int r = 0; r < rows; r++) {
    for (int i = 0; i < SUMS; i++) sums[r][i] = splat(0);
  }
  for (size_t k = 0; k + 16 <= K; k += 16) {
#pragma GCC unroll 4
    for (int i = 0; i < SUMS; i++) {
      const V left = load(a + k + i * VL);
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++) sums[r][i] = madd(left, load(b + r * K + k + i * VL), sums[r][i]);
    }
  }
  for (int r = 0; r < rows; r++) {
    if (K % 16) add_rest(a + (K & ~(size_t)15), b + r * K + (K & ~(size_t)15), K % 16, sums[r]);
    out[r] = sum_of(sums[r]);
  }
}

INLINE void put(float *c, float x, const float *bias, int relu) {
  if (bias) x += *bias;
  *c = relu ? (x > 0 || x != x ? x : 0) : x;
}

/** The products of a row of A with rows [n0, n1) of B. */
static void one_row(const float *a, const float *b, size_t K, int n0, int n1, float *c, const float *bias, int relu) {
  for (int n = n0; n < n1;) {
    float sums[TOGETHER];
    const int rows = n1 - n < TOGETHER ? 1 : TOGETHER;
    if (rows == 1) dots(1, a, b + n * K, K, sums);
    else dots(TOGETHER, a, b + n * K, K, sums);
    for (int r = 0; r < rows; r++, n++) put(c + n, sums[r], bias ? bias + n : NULL, relu);
  }
}

/** Adds up each of four vectors, in the order of `sums` of assembly/gemv.ts. */
INLINE void four_sums(const V4 *v, float *out) {
  for (int i = 0; i < 4; i++) out[i] = (v[i][0] + v[i][2]) + (v[i][1] + v[i][3]);
}

/** Three or four rows of A by two rows of B; eight products each go to the same four lanes, in two steps. */
static void few_rows(const float *const a[4], const float *b0, const float *b1, int K, float *left, float *right) {
  V4 l[4] = {{0}}, r[4] = {{0}};
  int k = 0;
  for (; k + 4 <= K; k += 4) {
    const V4 x = load4(b0 + k), y = load4(b1 + k);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      const V4 s = load4(a[i] + k);
      l[i] = madd4(s, x, l[i]);
      r[i] = madd4(s, y, r[i]);
    }
  }
  if (k < K) {
    const V4 x = load4_part(b0 + k, K - k), y = load4_part(b1 + k, K - k);
    for (int i = 0; i < 4; i++) {
      const V4 s = load4_part(a[i] + k, K - k);
      l[i] = madd4(s, x, l[i]);
      r[i] = madd4(s, y, r[i]);
    }
  }
  four_sums(l, left);
  four_sums(r, right);
}

/** Pairs of columns [begin, end) of C = A·Bᵀ, A [M,K], B [N,K]. */
KERNEL(gemvRows) {
  const int M = size_of(call, 6), N = size_of(call, 7), K = size_of(call, 8);
  if (call->wrong || M == 0 || N == 0 || call->end == 0) return;
  if (call->end > (N - 1) / 2 + 1) wrong_argument(call, 1);
  const float *a = floats(call, 3, (double)M * K), *b = floats(call, 4, (double)N * K);
  float *c = floats(call, 5, (double)M * N);
  const float *bias = floats_or_none(call, 9, N);
  const int relu = whole(call, 10, 0, 1);
  if (call->wrong) return;
  const int n0 = call->begin * 2, n1 = call->end > N / 2 ? N : call->end * 2;
  const size_t row = K;
  for (int m = 0; m < M; m += 4) {
    const int rows = M - m;
    const float *am = a + m * row;
    float *cm = c + (size_t)m * N;
    if (rows <= 2) {
      for (int i = 0; i < rows; i++) one_row(am + i * row, b, row, n0, n1, cm + (size_t)i * N, bias, relu);
      continue;
    }
    const float *const four[4] = {am, am + row, am + 2 * row, rows > 3 ? am + 3 * row : am};
    for (int n = n0; n < n1; n += 2) {
      const float *b0 = b + n * row, *b1 = n + 1 < n1 ? b0 + row : b0;
      float left[4], right[4];
      few_rows(four, b0, b1, K, left, right);
      for (int i = 0; i < 4 && i < rows; i++) {
        put(cm + (size_t)i * N + n, left[i], bias ? bias + n : NULL, relu);
        if (n + 1 < n1) put(cm + (size_t)i * N + n + 1, right[i], bias ? bias + n + 1 : NULL, relu);
      }
    }
  }
}

/** Columns of which a row of A is multiplied at once, in so many sums; long runs of B's rows stream well. */
#define STREAM (VL == 4 ? 32 : 8 * VL)

/** `columns` columns of a row of C = A·B, of which there are at most STREAM. */
INLINE void columns_of(const float *a, const float *b, int K, size_t N, int columns, float *c, const float *bias, int relu_) {
  V sums[STREAM / VL];
  for (int i = 0; i < STREAM / VL; i++) sums[i] = splat(0);
  if (columns == STREAM) {
    for (int k = 0; k < K; k++) {
      const V s = splat(a[k]);
#pragma GCC unroll 8
      for (int i = 0; i < STREAM / VL; i++) sums[i] = madd(s, load(b + i * VL), sums[i]);
      b += N;
    }
  } else {
    const int vectors = (columns - 1) / VL, rest = columns - vectors * VL;
    for (int k = 0; k < K; k++) {
      const V s = splat(a[k]);
      for (int i = 0; i < vectors; i++) sums[i] = madd(s, load(b + i * VL), sums[i]);
      sums[vectors] = madd(s, load_part(b + vectors * VL, rest), sums[vectors]);
      b += N;
    }
  }
  for (int i = 0; i * VL < columns; i++) {
    const int n = columns - i * VL < VL ? columns - i * VL : VL;
    V v = sums[i];
    if (bias) v += load_part(bias + i * VL, n);
    if (relu_) v = relu(v);
    store_part(c + i * VL, v, n);
  }
}

/** Blocks [begin, end) of 32 columns of C = A·B, A [M,K], B [K,N]. */
KERNEL(gemvColumns) {
  const int M = size_of(call, 6), N = size_of(call, 7), K = size_of(call, 8);
  if (call->wrong || M == 0 || N == 0 || call->end == 0) return;
  if (call->end > (N - 1) / 32 + 1) wrong_argument(call, 1);
  const float *a = floats(call, 3, (double)M * K), *b = floats(call, 4, (double)N * K);
  float *c = floats(call, 5, (double)M * N);
  const float *bias = floats_or_none(call, 9, N);
  const int relu_ = whole(call, 10, 0, 1);
  if (call->wrong) return;
  const int n1 = call->end > N / 32 ? N : call->end * 32;
  for (int n = call->begin * 32; n < n1; n += STREAM) {
    const int columns = n1 - n < STREAM ? n1 - n : STREAM;
    for (int m = 0; m < M; m++) {
      columns_of(a + (size_t)m * K, b + n, K, N, columns, c + (size_t)m * N + n, bias ? bias + n : NULL, relu_);
    }
  }
}
