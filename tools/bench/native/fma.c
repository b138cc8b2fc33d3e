// fma(rounds): twelve chains of multiply-adds of eight floats in registers, the most that AVX2 computes.
#include <immintrin.h>
#include "../../../packages/backend-simd/native/napi.h"

#define CHAINS 12

static napi_value fma(napi_env env, napi_callback_info info) {
  napi_value argument, result;
  size_t count = 1;
  double rounds = 0;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) || napi_get_value_double(env, argument, &rounds)) return NULL;
  const __m256 factor = _mm256_set1_ps(0.999f), addend = _mm256_set1_ps(0.001f);
  __m256 sums[CHAINS];
  for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_set1_ps((float)i);
  for (long n = (long)rounds; n > 0; n--) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_fmadd_ps(sums[i], factor, addend);
  }
  for (int i = 1; i < CHAINS; i++) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  napi_create_double(env, _mm256_cvtss_f32(sums[0]), &result);
  return result;
}

EXPORTED napi_value napi_register_module_v1(napi_env env, napi_value exports);
EXPORTED napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value value;
  if (!napi_create_function(env, "fma", (size_t)-1, fma, NULL, &value)) napi_set_named_property(env, exports, "fma", value);
  return exports;
}
