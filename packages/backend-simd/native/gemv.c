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
    for (int r = 0; r < rows; r++) __builtin_prefetch(b + (r + rows) * K + k); // the rows after these
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
    if (!(k & 15)) { // the second pair of rows after these
      __builtin_prefetch(b0 + k + 4 * K);
      __builtin_prefetch(b1 + k + 4 * K);
    }
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

/** Rows [n0, n1) of B by all rows of A [M,K], of C [M,N]. */
static void rows_of_b(const float *a, const float *b, size_t K, int M, int N, int n0, int n1, float *c, const float *bias, int relu) {
  for (int m = 0; m < M; m += 4) {
    const int rows = M - m;
    const float *am = a + m * K;
    float *cm = c + (size_t)m * N;
    if (rows <= 2) {
      for (int i = 0; i < rows; i++) one_row(am + i * K, b, K, n0, n1, cm + (size_t)i * N, bias, relu);
      continue;
    }
    const float *const four[4] = {am, am + K, am + 2 * K, rows > 3 ? am + 3 * K : am};
    for (int n = n0; n < n1; n += 2) {
      const float *b0 = b + n * K, *b1 = n + 1 < n1 ? b0 + K : b0;
      float left[4], right[4];
      few_rows(four, b0, b1, K, left, right);
      for (int i = 0; i < 4 && i < rows; i++) {
        put(cm + (size_t)i * N + n, left[i], bias ? bias + n : NULL, relu);
        if (n + 1 < n1) put(cm + (size_t)i * N + n + 1, right[i], bias ? bias + n + 1 : NULL, relu);
      }
    }
  }
}

/** Bytes of B that all rows of A are multiplied with before the next: they stay in the second-level cache. */
#define CHUNK 65536

/** Pairs of columns [begin, end) of C = A·Bᵀ, A [M,K], B [N,K]; B is read once. */
KERNEL(gemvRows) {
  const int M = size_of(call, 6), N = size_of(call, 7), K = size_of(call, 8);
  if (call->wrong || M == 0 || N == 0 || call->end == 0) return;
  if (call->end > (N - 1) / 2 + 1) wrong_argument(call, 1);
  const float *a = floats(call, 3, (double)M * K), *b = floats(call, 4, (double)N * K);
  float *c = floats(call, 5, (double)M * N);
  const float *bias = floats_or_none(call, 9, N);
  const int relu = whole(call, 10, 0, 1);
  if (call->wrong) return;
  const int n1 = call->end > N / 2 ? N : call->end * 2;
  const int step = M == 1 ? N : TOGETHER * (1 + CHUNK / (TOGETHER * sizeof(float)) / (K + 1));
  for (int n = call->begin * 2; n < n1; n += step) {
    rows_of_b(a, b, K, M, N, n, n1 - n < step ? n1 : n + step, c, bias, relu);
  }
}

/** Columns of a piece of C = A·B; see PIECE of assembly/gemv.ts. */
#define PIECE 512

/** c [columns] += a[0]·b[0] + … + a[3]·b[3], in this order, of rows of B that are N floats apart. */
INLINE void add_four(const float *a, const float *b, size_t N, float *c, int columns) {
  const V s0 = splat(a[0]), s1 = splat(a[1]), s2 = splat(a[2]), s3 = splat(a[3]);
  int j = 0;
  for (; j + VL <= columns; j += VL) {
    V v = madd(s0, load(b + j), load(c + j));
    v = madd(s1, load(b + N + j), v);
    v = madd(s2, load(b + 2 * N + j), v);
    store(c + j, madd(s3, load(b + 3 * N + j), v));
  }
  const int n = columns - j;
  if (!n) return;
  V v = madd(s0, load_part(b + j, n), load_part(c + j, n));
  v = madd(s1, load_part(b + N + j, n), v);
  v = madd(s2, load_part(b + 2 * N + j, n), v);
  store_part(c + j, madd(s3, load_part(b + 3 * N + j, n), v), n);
}

INLINE void add_one(float a, const float *b, float *c, int columns) {
  for (int j = 0; j < columns; j += VL) {
    const int n = columns - j < VL ? columns - j : VL;
    store_n(c + j, madd(splat(a), load_n(b + j, n), load_n(c + j, n)), n);
  }
}

INLINE void finish(float *c, const float *bias, int relu_, int columns) {
  for (int j = 0; j < columns; j += VL) {
    const int n = columns - j < VL ? columns - j : VL;
    V v = load_n(c + j, n);
    if (bias) v += load_n(bias + j, n);
    store_n(c + j, relu_ ? relu(v) : v, n);
  }
}

/** Pieces [begin, end) of 512 columns of C = A·B, A [M,K], B [K,N]; B is read once. */
KERNEL(gemvColumns) {
  const int M = size_of(call, 6), N = size_of(call, 7), K = size_of(call, 8);
  if (call->wrong || M == 0 || N == 0 || call->end == 0) return;
  if (call->end > (N - 1) / PIECE + 1) wrong_argument(call, 1);
  const float *a = floats(call, 3, (double)M * K), *b = floats(call, 4, (double)N * K);
  float *c = floats(call, 5, (double)M * N);
  const float *bias = floats_or_none(call, 9, N);
  const int relu_ = whole(call, 10, 0, 1);
  if (call->wrong) return;
  for (int item = call->begin; item < call->end; item++) {
    const int first = item * PIECE, columns = N - first < PIECE ? N - first : PIECE;
    float *to = c + first;
    for (int m = 0; m < M; m++) memset(to + (size_t)m * N, 0, columns * sizeof(float));
    int k = 0;
    for (; k + 4 <= K; k += 4) {
      const float *rows = b + (size_t)k * N + first;
      for (int m = 0; m < M; m++) add_four(a + (size_t)m * K + k, rows, N, to + (size_t)m * N, columns);
    }
    for (; k < K; k++) {
      for (int m = 0; m < M; m++) {
        add_one(a[(size_t)m * K + k], b + (size_t)k * N + first, to + (size_t)m * N, columns);
      }
    }
    if (!bias && !relu_) continue;
    for (int m = 0; m < M; m++) finish(to + (size_t)m * N, bias ? bias + first : NULL, relu_, columns);
  }
}
