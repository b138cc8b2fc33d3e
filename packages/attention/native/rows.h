// Rows of heads, in and out of scratch: assembly/rows.ts.
#pragma once
#include "../../backend-simd/native/simd.h"
#include "problem.h"

#if VL == 4
typedef float32x4_t Four;
INLINE Four load4(const float *p) { return vld1q_f32(p); }
INLINE void store4(float *p, Four v) { vst1q_f32(p, v); }
INLINE Four splat4(float x) { return vdupq_n_f32(x); }
INLINE Four madd4(Four a, Four b, Four c) { return vfmaq_f32(c, a, b); }
INLINE void transpose4(Four x[4]) {
  const float32x4x2_t a = vtrnq_f32(x[0], x[1]), b = vtrnq_f32(x[2], x[3]);
  x[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
  x[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
  x[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
  x[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}
#else
typedef __m128 Four;
INLINE Four load4(const float *p) { return _mm_loadu_ps(p); }
INLINE void store4(float *p, Four v) { _mm_storeu_ps(p, v); }
INLINE Four splat4(float x) { return _mm_set1_ps(x); }
INLINE Four madd4(Four a, Four b, Four c) { return _mm_fmadd_ps(a, b, c); }
INLINE void transpose4(Four x[4]) { _MM_TRANSPOSE4_PS(x[0], x[1], x[2], x[3]); }
#endif

/** Brings keys or values near, where they lie among those of other heads. */
INLINE void touch(const Work *w, const float *x, int rows) {
  if (w->step <= 2 * w->width) return;
  for (int i = 0; i < rows; i++) {
    for (size_t j = 0; j < w->width; j += 16) __builtin_prefetch(x + j);
    x += w->step;
  }
}

/** Queries [r, r + n) of x, each by its number in `times`, as columns of `t` and as rows of `rows`. */
static void gather(const Work *w, const float *x, int r, int n, float *t, float *rows) {
  for (int i = 0; i < n; i++) {
    const float *row = x + row_of(w, r + i);
    for (size_t j = 0; j < w->width; j += 16) __builtin_prefetch(row + j);
  }
  for (int i = 0; i < n; i += 4) {
    const float *from[4];
    Four factors[4];
    for (int j = 0; j < 4; j++) {
      from[j] = x + row_of(w, i + j < n ? r + i + j : r + i);
      factors[j] = splat4(w->times[i + j]);
    }
    for (size_t at = 0; at < w->width; at += 4) {
      Four y[4];
      for (int j = 0; j < 4; j++) {
        y[j] = load4(from[j] + at) * factors[j];
        store4(rows + (i + j) * w->width + at, y[j]);
      }
      transpose4(y);
      for (int j = 0; j < 4; j++) store4(t + (at + j) * w->wide + i, y[j]);
    }
  }
}

/** Rows [r, r + n) of y are those of `w->yr`, each by its number in `times`. */
static void scatter(const Work *w, float *y, int r, int n) {
  const int K = w->p.K;
  for (int i = 0; i < n; i++) {
    const V times = splat(w->times[i]);
    const float *from = w->yr + i * w->width;
    float *to = y + row_of(w, r + i);
    int j = 0;
    for (; j + VL <= K; j += VL) store(to + j, load(from + j) * times);
    if (j < K) store_part(to + j, load_part(from + j, K - j) * times, K - j);
  }
}

/** Rows of a head, whose steps are in floats; those written are `width` floats wide. */
static void copy_rows(const float *from, size_t from_step, float *to, size_t to_step, int rows, int width) {
  for (int l = 0; l < rows; l++) memcpy(to + l * to_step, from + l * from_step, width * sizeof(float));
}

static void clear_rows(float *to, size_t step, int rows, int width) {
  for (int l = 0; l < rows; l++) memset(to + l * step, 0, width * sizeof(float));
}
