#include "pack.h"
#include "call.h"

/** So many floats of each column are fetched before they are read: the columns of a panel are more than the processor follows by itself. */
#define AHEAD 64

#if defined(__AVX2__)
#define SIDE 8
/** Eight rows of eight become eight columns. */
INLINE void transpose(const float *from, size_t step, float *to, size_t to_step) {
  __m256 r[8], t[8];
  for (int i = 0; i < 4; i++) { // rows i and i + 4 side by side, first halves, then second
    r[i] = _mm256_insertf128_ps(
        _mm256_castps128_ps256(_mm_loadu_ps(from + i * step)), _mm_loadu_ps(from + (i + 4) * step), 1);
    r[i + 4] = _mm256_insertf128_ps(
        _mm256_castps128_ps256(_mm_loadu_ps(from + i * step + 4)), _mm_loadu_ps(from + (i + 4) * step + 4), 1);
  }
  for (int h = 0; h < 8; h += 4) {
    t[0] = _mm256_unpacklo_ps(r[h], r[h + 1]);
    t[1] = _mm256_unpackhi_ps(r[h], r[h + 1]);
    t[2] = _mm256_unpacklo_ps(r[h + 2], r[h + 3]);
    t[3] = _mm256_unpackhi_ps(r[h + 2], r[h + 3]);
    _mm256_storeu_ps(to + (h + 0) * to_step, _mm256_shuffle_ps(t[0], t[2], 0x44));
    _mm256_storeu_ps(to + (h + 1) * to_step, _mm256_shuffle_ps(t[0], t[2], 0xee));
    _mm256_storeu_ps(to + (h + 2) * to_step, _mm256_shuffle_ps(t[1], t[3], 0x44));
    _mm256_storeu_ps(to + (h + 3) * to_step, _mm256_shuffle_ps(t[1], t[3], 0xee));
  }
}
#else
#define SIDE 4
/** Four rows of four become four columns. */
INLINE void transpose(const float *from, size_t step, float *to, size_t to_step) {
  const float32x4x2_t a = vtrnq_f32(vld1q_f32(from), vld1q_f32(from + step));
  const float32x4x2_t b = vtrnq_f32(vld1q_f32(from + 2 * step), vld1q_f32(from + 3 * step));
  vst1q_f32(to, vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0])));
  vst1q_f32(to + to_step, vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1])));
  vst1q_f32(to + 2 * to_step, vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0])));
  vst1q_f32(to + 3 * to_step, vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1])));
}
#endif

/** Rows [0, rows) of a panel of `columns` columns, of which each float is fetched alone. */
static void pack_singly(const float *b, float *to, int columns, int rows, size_t k_stride, size_t n_stride) {
  for (int k = 0; k < rows; k++) {
    for (int c = 0; c < PANEL; c++) to[c] = c < columns ? b[k * k_stride + c * n_stride] : 0;
    to += PANEL;
  }
}

void JOIN(pack_panels, ISA)(
    const float *b, float *packed, int begin, int end, int N, int K, size_t k_stride, size_t n_stride) {
  const size_t size = (size_t)K * PANEL;
  if (n_stride == 1) { // a row at a time: neighboring panels share lines of cache
    const int whole_end = end < N / PANEL ? end : N / PANEL;
    for (int k = 0; k < K; k++) {
      const float *from = b + k * k_stride + (size_t)begin * PANEL;
      float *to = packed + (size_t)k * PANEL + begin * size;
      for (int p = begin; p < whole_end; p++) {
        for (int c = 0; c < PANEL; c += VL) store(to + c, load(from + c));
        from += PANEL;
        to += size;
      }
    }
    begin = begin > whole_end ? begin : whole_end;
  }
  for (int p = begin; p < end; p++) {
    const float *from = b + (size_t)p * PANEL * n_stride;
    float *to = packed + p * size;
    const int columns = N - p * PANEL < PANEL ? N - p * PANEL : PANEL;
    int k = 0;
    if (k_stride == 1 && columns == PANEL) {
      for (; k + SIDE <= K; k += SIDE) {
        if (!(k & 15)) {
          for (int c = 0; c < PANEL; c++) __builtin_prefetch(from + k + AHEAD + c * n_stride);
        }
        for (int c = 0; c < PANEL; c += SIDE) transpose(from + k + c * n_stride, n_stride, to + k * PANEL + c, PANEL);
      }
    }
    pack_singly(from + k * k_stride, to + (size_t)k * PANEL, columns, K - k, k_stride, n_stride);
  }
}

KERNEL(packB) {
  const int N = size_of(call, 5), K = size_of(call, 6);
  const int k_stride = size_of(call, 7), n_stride = size_of(call, 8), batch_stride = size_of(call, 9);
  if (call->wrong || N == 0 || K == 0) return;
  const int panels = panels_of(N), batches = (call->end - 1) / panels + (call->end > 0);
  const double last = (double)(K - 1) * k_stride + (double)(N - 1) * n_stride + (double)(batches - 1) * batch_stride;
  const float *b = floats(call, 3, batches ? last + 1 : 0);
  float *packed = floats(call, 4, (double)call->end * K * PANEL);
  if (call->wrong) return;
  for (int at = call->begin; at < call->end;) {
    const int batch = at / panels, first = at - batch * panels;
    const int last_panel = panels < first + call->end - at ? panels : first + call->end - at;
    JOIN(pack_panels, ISA)(
        b + (size_t)batch * batch_stride, packed + (size_t)batch * panels * K * PANEL, first, last_panel, N, K, k_stride,
        n_stride);
    at += last_panel - first;
  }
}
