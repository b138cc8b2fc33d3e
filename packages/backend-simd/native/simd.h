// Vectors of the instruction set that a file is compiled for. With them a kernel is written once: VL floats a vector, V of
// floats and I of 32-bit words, on which C's operators work, and what C has no operator for. Every function gives the bits of
// the function of that name in assembly/math.ts, lane by lane.
#pragma once
#include "call.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#if defined(__AVX512VNNI__)
#define ISA avx512vnni
#else
#define ISA avx512
#endif
#define VL 16
typedef __m512 V;
typedef __m512i Words;
INLINE V load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void store(float *p, V v) { _mm512_storeu_ps(p, v); }
INLINE V splat(float x) { return _mm512_set1_ps(x); }
INLINE V madd(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
INLINE V root(V x) { return _mm512_sqrt_ps(x); }
INLINE V at_most(V x, V most) { return _mm512_min_ps(most, x); }
INLINE V at_least(V x, V least) { return _mm512_max_ps(least, x); }
INLINE V relu(V x) { return _mm512_max_ps(splat(0), x) + splat(0); }
/** v where x is at least `least` or NaN, else 0. */
INLINE V zero_below(V v, V x, V least) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, least, _CMP_NLT_UQ), v);
}
INLINE V load_part(const float *p, int n) { return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
INLINE void store_part(float *p, V v, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v); }

#elif defined(__AVX2__)
#include <immintrin.h>
#define ISA avx2
#define VL 8
typedef __m256 V;
typedef __m256i Words;
INLINE V load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void store(float *p, V v) { _mm256_storeu_ps(p, v); }
INLINE V splat(float x) { return _mm256_set1_ps(x); }
INLINE V madd(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
INLINE V root(V x) { return _mm256_sqrt_ps(x); }
INLINE V at_most(V x, V most) { return _mm256_min_ps(most, x); }
INLINE V at_least(V x, V least) { return _mm256_max_ps(least, x); }
INLINE V relu(V x) { return _mm256_max_ps(splat(0), x) + splat(0); }
INLINE V zero_below(V v, V x, V least) { return _mm256_and_ps(v, _mm256_cmp_ps(x, least, _CMP_NLT_UQ)); }
INLINE __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE V load_part(const float *p, int n) { return _mm256_maskload_ps(p, first_lanes(n)); }
INLINE void store_part(float *p, V v, int n) { _mm256_maskstore_ps(p, first_lanes(n), v); }

#elif defined(__ARM_NEON)
#include <arm_neon.h>
#define ISA neon
#define VL 4
typedef float32x4_t V;
typedef int32x4_t Words;
INLINE V load(const float *p) { return vld1q_f32(p); }
INLINE void store(float *p, V v) { vst1q_f32(p, v); }
INLINE V splat(float x) { return vdupq_n_f32(x); }
INLINE V madd(V a, V b, V c) { return vfmaq_f32(c, a, b); }
INLINE V root(V x) { return vsqrtq_f32(x); }
INLINE V at_most(V x, V most) { return vbslq_f32(vcltq_f32(most, x), most, x); }
INLINE V at_least(V x, V least) { return vbslq_f32(vcgtq_f32(least, x), least, x); }
INLINE V relu(V x) { return vmaxq_f32(x, splat(0)); }
INLINE V zero_below(V v, V x, V least) {
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), vcltq_f32(x, least)));
}
INLINE V load_part(const float *p, int n) {
  float lanes[VL] = {0};
  for (int i = 0; i < n; i++) lanes[i] = p[i];
  return load(lanes);
}
INLINE void store_part(float *p, V v, int n) {
  float lanes[VL];
  store(lanes, v);
  for (int i = 0; i < n; i++) p[i] = lanes[i];
}
#else
#error "kernels need AVX2 with FMA, AVX-512 or NEON"
#endif

/** 32-bit words, with C's operators. */
typedef int32_t I __attribute__((vector_size(VL * 4)));
typedef uint32_t U __attribute__((vector_size(VL * 4)));

#define JOIN_(name, suffix) name##_##suffix
#define JOIN(name, suffix) JOIN_(name, suffix)

/** The first n floats, of which there are VL where n says so while compiling. */
INLINE V load_n(const float *p, int n) { return n == VL ? load(p) : load_part(p, n); }
INLINE void store_n(float *p, V v, int n) {
  if (n == VL) store(p, v);
  else store_part(p, v, n);
}
