// AdamW and addition: assembly/train.ts and the flat addition of assembly/binary.ts.
#include "call.h"
#include "simd.h"

typedef struct {
  float scale, beta1, rest1, beta2, rest2, rate, correction, epsilon, decay;
} Step;

INLINE void adamw_at(float *param, const float *grad, float *m, float *v, Step s, int n) {
  const V g = load_n(grad, n) * splat(s.scale);
  const V m1 = madd(load_n(m, n), splat(s.beta1), g * splat(s.rest1));
  const V v1 = madd(load_n(v, n), splat(s.beta2), g * g * splat(s.rest2));
  store_n(m, m1, n);
  store_n(v, v1, n);
  const V divisor = madd(root(v1), splat(s.correction), splat(s.epsilon));
  const V step = m1 * splat(s.rate) / divisor;
  store_n(param, load_n(param, n) * splat(s.decay) - step, n);
}

KERNEL(adamw) {
  const size_t from = (size_t)call->begin * 4, to = (size_t)call->end * 4;
  float *param = floats(call, 3, to), *m = floats(call, 5, to), *v = floats(call, 6, to);
  const float *grad = floats(call, 4, to), *factor = floats_or_none(call, 7, 1);
  if (call->wrong) return;
  const double *x = call->numbers;
  const Step s = {.scale = factor ? (float)x[16] * *factor : (float)x[16], .beta1 = (float)x[8], .rest1 = (float)x[9],
                  .beta2 = (float)x[10], .rest2 = (float)x[11], .rate = (float)x[12], .correction = (float)x[13],
                  .epsilon = (float)x[14], .decay = (float)x[15]};
  size_t i = from;
  for (; i + VL <= to; i += VL) adamw_at(param + i, grad + i, m + i, v + i, s, VL);
  if (i < to) adamw_at(param + i, grad + i, m + i, v + i, s, (int)(to - i));
}
