// assembly/activations.ts, bit for bit.
#include "call.h"
#include "simd.h"

/** A block of 32; values that are not finite make the scale so, and the numbers 0. */
INLINE void block(const float *x, int8_t *q, float *scale, int32_t *sums) {
  float most = 0;
  int nan = 0;
  for (int i = 0; i < 32; i++) {
    const float size = __builtin_fabsf(x[i]);
    nan |= size != size;
    most = size > most ? size : most;
  }
  const float factor = 127.0f / most;
  if (nan || most > 3.4028235e38f || most < 1e-30f) {
    memset(q, 0, 32);
    *scale = nan ? __builtin_nanf("") : most < 1e-30f ? 0 : most;
    sums[0] = sums[1] = 0;
    return;
  }
  *scale = most / 127.0f;
  int32_t n[32];
  for (int i = 0; i < 32; i++) {
    union {
      float f;
      int32_t i;
    } rounded = {x[i] * factor + 12582912.0f}; // 1.5·2^23: the whole number stands in the low bits
    n[i] = rounded.i - 0x4b400000;
  }
  int32_t first = 0, last = 0;
  for (int i = 0; i < 32; i++) q[i] = (int8_t)n[i];
  for (int i = 0; i < 16; i++) first += n[i], last += n[i + 16];
  sums[0] = first;
  sums[1] = last;
}

/** Rows [begin, end) of x [M,K] as int8 in blocks of 32. */
KERNEL(quantizeActivations) {
  const int M = size_of(call, 5), K = size_of(call, 6);
  if (call->wrong || M == 0 || K == 0 || call->end == 0) return;
  if (call->end > M) wrong_argument(call, 1);
  const int blocks = (K - 1) / 32 + 1;
  const float *x = floats(call, 3, (double)M * K);
  char *to = bytes_at(call, 4, call->numbers[4], (double)M * blocks * 44);
  bytes_at(call, 7, call->numbers[7], 128.0 * (call->thread + 1));
  if (call->wrong) return;
  const size_t all = (size_t)M * blocks;
  float *scales = (float *)(to + all * 32);
  int32_t *sums = (int32_t *)(to + all * 36);
  for (size_t m = call->begin; m < (size_t)call->end; m++) {
    const float *from = x + m * K;
    for (int b = 0; b < blocks; b++) {
      const size_t at = m * blocks + b;
      const int count = K - b * 32;
      float tail[32] = {0};
      const float *own = from + b * 32;
      if (count < 32) {
        for (int i = 0; i < count; i++) tail[i] = own[i];
        own = tail;
      }
      block(own, (int8_t *)to + at * 32, scales + at, sums + at * 2);
    }
  }
}
