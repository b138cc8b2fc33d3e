// Dot products of whole numbers for packed weights: ROWS rows side by side, whose sums become the lanes of one vector. All of
// them are exact, in whatever order.
#pragma once
#include "simd.h"

typedef int16_t Shorts_at __attribute__((vector_size(16), aligned(1), may_alias));
typedef int8_t Signed __attribute__((vector_size(32)));

#if VL == 4
#define ROWS 4
#else
#define ROWS 8
#endif

/** A number a row. */
typedef float F __attribute__((vector_size(ROWS * 4)));
typedef int32_t N __attribute__((vector_size(ROWS * 4)));
typedef F F_at __attribute__((aligned(4), may_alias));

INLINE F floats_of(N n) { return __builtin_convertvector(n, F); }
INLINE F all(float x) { return (F){0} + x; }

#if VL == 4
typedef struct {
  int8x16_t a, b;
} Bytes;
typedef struct {
  int32x4_t a, b;
} Sum;

INLINE Bytes bytes_at_(const uint8_t *p) {
  return (Bytes){vld1q_s8((const int8_t *)p), vld1q_s8((const int8_t *)p + 16)};
}
INLINE Bytes nibbles_at(const uint8_t *p) {
  const uint8x16_t v = vld1q_u8(p);
  return (Bytes){vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(15))), vreinterpretq_s8_u8(vshrq_n_u8(v, 4))};
}
/** The low or high four bits of 32 bytes. */
INLINE Bytes halves_of_bytes(const uint8_t *p, int high) {
  const uint8x16_t v = vld1q_u8(p), w = vld1q_u8(p + 16);
  if (high) return (Bytes){vreinterpretq_s8_u8(vshrq_n_u8(v, 4)), vreinterpretq_s8_u8(vshrq_n_u8(w, 4))};
  const uint8x16_t m = vdupq_n_u8(15);
  return (Bytes){vreinterpretq_s8_u8(vandq_u8(v, m)), vreinterpretq_s8_u8(vandq_u8(w, m))};
}
INLINE int32x4_t dot16(int8x16_t w, int8x16_t x) {
  const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(x));
  const int16x8_t high = vmull_s8(vget_high_s8(w), vget_high_s8(x));
  return vpadalq_s16(vpaddlq_s16(low), high);
}
INLINE Sum dot_signed(Bytes w, Bytes x) { return (Sum){dot16(w.a, x.a), dot16(w.b, x.b)}; }
INLINE Sum dot_small(Bytes w, Bytes x) { return dot_signed(w, x); }
/** The sums of the first and of the last 16 products of each row. */
INLINE void sums_of(const Sum *v, N *first, N *last) {
  *first = (N)vpaddq_s32(vpaddq_s32(v[0].a, v[1].a), vpaddq_s32(v[2].a, v[3].a));
  *last = (N)vpaddq_s32(vpaddq_s32(v[0].b, v[1].b), vpaddq_s32(v[2].b, v[3].b));
}
INLINE F halves_at(const uint8_t *const *p, size_t at) {
  const uint16x4_t bits = {*(const uint16_t *)(p[0] + at), *(const uint16_t *)(p[1] + at),
                           *(const uint16_t *)(p[2] + at), *(const uint16_t *)(p[3] + at)};
  return (F)vcvt_f32_f16(vreinterpret_f16_u16(bits));
}
INLINE V half_floats(const uint8_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)p))); }
INLINE V bfloats(const uint8_t *p) {
  return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16((const uint16_t *)p), 16));
}
#else
typedef __m256i Bytes;
typedef __m256i Sum;
INLINE Bytes bytes_at_(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE Bytes nibbles_at(const uint8_t *p) {
  const __m128i v = _mm_loadu_si128((const __m128i *)p);
  return _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(v, 4), v), _mm256_set1_epi8(15));
}
INLINE Bytes halves_of_bytes(const uint8_t *p, int high) {
  const Bytes v = bytes_at_(p);
  return _mm256_and_si256(high ? _mm256_srli_epi16(v, 4) : v, _mm256_set1_epi8(15));
}
INLINE Sum dot_signed(Bytes w, Bytes x) {
  const __m256i low = _mm256_madd_epi16(
      _mm256_cvtepi8_epi16(_mm256_castsi256_si128(w)), _mm256_cvtepi8_epi16(_mm256_castsi256_si128(x)));
  const __m256i high = _mm256_madd_epi16(
      _mm256_cvtepi8_epi16(_mm256_extracti128_si256(w, 1)), _mm256_cvtepi8_epi16(_mm256_extracti128_si256(x, 1)));
  return _mm256_add_epi32(low, high);
}
/** Of w from 0 to 63: pairs stay within 16 bits. */
INLINE Sum dot_small(Bytes w, Bytes x) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1));
}
/** The sums of the lower and of the upper half of each row's vector. */
INLINE void sums_of(const Sum *v, N *first, N *last) {
  const __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
  const __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
  *first = (N)_mm256_permute2x128_si256(a, b, 0x20);
  *last = (N)_mm256_permute2x128_si256(a, b, 0x31);
}
INLINE F halves_at(const uint8_t *const *p, size_t at) {
#define HALF(i) (*(const short *)(p[i] + at))
  return (F)_mm256_cvtph_ps(_mm_set_epi16(HALF(7), HALF(6), HALF(5), HALF(4), HALF(3), HALF(2), HALF(1), HALF(0)));
#undef HALF
}
#if VL == 16
INLINE V half_floats(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
INLINE V bfloats(const uint8_t *p) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
#else
INLINE V half_floats(const uint8_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
INLINE V bfloats(const uint8_t *p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
#endif
#endif

/** The sums of all 32 products of each row. */
INLINE N total_of(const Sum *v) {
  N first, last;
  sums_of(v, &first, &last);
  return first + last;
}
