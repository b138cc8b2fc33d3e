// assembly/activations.ts, bit for bit.
#include "call.h"
#include "simd.h"

#if VL == 4
INLINE I larger(I a, I b) { return (I)vmaxq_s32(a, b); }
INLINE int32_t largest_lane(I v) { return vmaxvq_s32(v); }
INLINE int32_t sum_of_lanes(I v) { return vaddvq_s32(v); }
/** Stores 32 words as bytes, in which they fit. */
INLINE void store_bytes(int8_t *to, const I *n) {
  for (int i = 0; i < 8; i += 2) vst1_s8(to + 4 * i, vmovn_s16(vcombine_s16(vmovn_s32(n[i]), vmovn_s32(n[i + 1]))));
}
#else
INLINE I larger(I a, I b) { return (I)_mm256_max_epi32((__m256i)a, (__m256i)b); }
INLINE int32_t largest_lane(I v) {
  const __m128i four = _mm_max_epi32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
  const __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}
INLINE int32_t sum_of_lanes(I v) {
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
  const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}
INLINE void store_bytes(int8_t *to, const I *n) {
  const __m256i low = _mm256_packs_epi32((__m256i)n[0], (__m256i)n[1]), high = _mm256_packs_epi32((__m256i)n[2], (__m256i)n[3]);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256((__m256i *)to, _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order));
}
#endif

/** A block of 32; values that are not finite make the scale so, and the numbers 0. */
INLINE void block(const float *x, int8_t *q, float *scale, int32_t *sums) {
  V v[32 / VL];
  I most_bits = {0}; // of |x|: they are in the order of the numbers, those of NaN above all
#pragma GCC unroll 8
  for (int i = 0; i < 32 / VL; i++) {
    v[i] = load(x + i * VL);
    most_bits = larger(most_bits, (I)v[i] & 0x7fffffff);
  }
  const int32_t bits = largest_lane(most_bits), infinite = 0x7f800000;
  float most;
  memcpy(&most, &bits, 4);
  const float factor = 127.0f / most;
  if (bits >= infinite || most < 1e-30f) {
    memset(q, 0, 32);
    *scale = bits > infinite ? __builtin_nanf("") : bits == infinite ? most : 0;
    sums[0] = sums[1] = 0;
    return;
  }
  *scale = most / 127.0f;
  I n[32 / VL], first = {0}, last = {0};
#pragma GCC unroll 8
  for (int i = 0; i < 32 / VL; i++) {
    n[i] = (I)(v[i] * splat(factor) + splat(12582912.0f)) - 0x4b400000; // 1.5·2^23: the whole number stands in the low bits
    if (i < 16 / VL) first += n[i];
    else last += n[i];
  }
  store_bytes(q, n);
  sums[0] = sum_of_lanes(first);
  sums[1] = sum_of_lanes(last);
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
