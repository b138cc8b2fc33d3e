// assembly/half-product.ts, lane by lane.
#include "call.h"
#include "dot8.h"
#include "sums.h"

INLINE V wide(const uint8_t *p, int is_short) { return is_short ? bfloats(p) : half_floats(p); }

/** Rows of the weight whose sums are taken side by side: sums of one row wait for each other. */
#define TOGETHER 4

INLINE void dots(int rows, int is_short, const float *x, const uint8_t *w, size_t K, float *out) {
  V sums[TOGETHER][SUMS];
  for (int r = 0; r < rows; r++) {
    for (int i = 0; i < SUMS; i++) sums[r][i] = splat(0);
  }
  size_t k = 0;
  for (; k + 16 <= K; k += 16) {
#pragma GCC unroll 4
    for (int i = 0; i < SUMS; i++) {
      const V left = load(x + k + i * VL);
#pragma GCC unroll 4
      for (int r = 0; r < rows; r++)
        sums[r][i] = madd(left, wide(w + 2 * (r * K + k + i * VL), is_short), sums[r][i]);
    }
  }
  for (int r = 0; r < rows; r++) {
    if (k < K) {
      uint16_t halves[16] = {0};
      float tail[16];
      memcpy(halves, w + 2 * (r * K + k), 2 * (K - k));
      for (int i = 0; i < SUMS; i++) store(tail + i * VL, wide((const uint8_t *)(halves + i * VL), is_short));
      add_rest(x + k, tail, (int)(K - k), sums[r]);
    }
    out[r] = sum_of(sums[r]);
  }
}

INLINE void columns(int is_short, Call *call, const uint8_t *w, const float *x, float *y, const float *bias, const float *residual) {
  const int M = (int)call->numbers[7], N = (int)call->numbers[8];
  const size_t K = (size_t)call->numbers[9];
  for (int n = call->begin; n < call->end;) {
    const int rows = call->end - n < TOGETHER ? 1 : TOGETHER;
    for (int m = 0; m < M; m++) {
      float sums[TOGETHER];
      if (rows == 1) dots(1, is_short, x + m * K, w + 2 * n * K, K, sums);
      else dots(TOGETHER, is_short, x + m * K, w + 2 * n * K, K, sums);
      for (int r = 0; r < rows; r++) {
        const size_t at = (size_t)m * N + n + r;
        float v = sums[r];
        if (bias) v += bias[n + r];
        if (residual) v += residual[at];
        y[at] = v;
      }
    }
    n += rows;
  }
}

/** Columns [begin, end) of y [M,N] = x [M,K] · wᵀ + bias + residual, w [N,K] in half precision. */
KERNEL(halfProduct) {
  const int is_short = whole(call, 3, 0, 1);
  const int M = size_of(call, 7), N = size_of(call, 8), K = size_of(call, 9);
  if (call->wrong || M == 0 || N == 0 || call->end == 0) return;
  if (call->end > N) wrong_argument(call, 1);
  const uint8_t *w = bytes_at(call, 4, call->numbers[4], 2.0 * N * K);
  const float *x = floats(call, 5, (double)M * K);
  float *y = floats(call, 6, (double)M * N);
  const float *bias = floats_or_none(call, 10, N), *residual = floats_or_none(call, 11, (double)M * N);
  if (call->wrong) return;
  if (is_short) columns(1, call, w, x, y, bias, residual);
  else columns(0, call, w, x, y, bias, residual);
}
