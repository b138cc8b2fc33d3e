// Activations x·g(x), their slopes and gated forms: assembly/gelu.ts.
#include "call.h"
#include "math.h"

enum { ERF, TANH, QUICK, SILU };

INLINE V rate(int kind, V x) {
  if (kind == SILU) return x;
  return x * splat(1.702f);
}

INLINE V cubic(V x) { return madd(x * x * splat(0.044715f), x, x); }

INLINE V gelu_of(int kind, V x) {
  if (kind == ERF) {
    V half = x * splat(0.5f);
    return madd(half, erf_of(x * splat(0.7071067811865476f)), half);
  }
  if (kind == TANH) return x * sigmoid(cubic(x) * splat(1.5957691216057308f));
  return x * sigmoid(rate(kind, x));
}

INLINE V slope_of(int kind, V x) {
  if (kind == ERF) {
    V cdf = madd(splat(0.5f), erf_of(x * splat(0.7071067811865476f)), splat(0.5f));
    V density = exp_negative(x * x * splat(-0.5f)) * splat(0.3989422804014327f);
    return madd(x, density, cdf);
  }
  if (kind == TANH) {
    V s = x * x;
    V g = sigmoid(cubic(x) * splat(1.5957691216057308f));
    V inner = madd(s, splat(0.2140644488f), splat(1.5957691216057308f));
    return madd(x, g * (splat(1) - g) * inner, g);
  }
  V s = sigmoid(rate(kind, x));
  return madd(rate(kind, x) * s, splat(1) - s, s);
}

INLINE void gelu_at(int kind, const float *x, float *y, int n) { store_n(y, gelu_of(kind, load_n(x, n)), n); }

INLINE void gelu_grad_at(int kind, const float *dy, const float *x, float *dx, int n) {
  store_n(dx, load_n(dy, n) * slope_of(kind, load_n(x, n)), n);
}

INLINE void gated_at(int kind, const float *x, const float *gate, float *y, int n) {
  store_n(y, load_n(x, n) * gelu_of(kind, load_n(gate, n)), n);
}

INLINE void gated_grad_at(
    int kind, const float *dy, const float *x, const float *gate, float *dx, float *dgate, int n) {
  V d = load_n(dy, n), g = load_n(gate, n), slope = d * load_n(x, n);
  store_n(dx, d * gelu_of(kind, g), n);
  store_n(dgate, slope * slope_of(kind, g), n);
}

/** Calls `at`, with a constant kind, for floats [0, count); `i` and `n` are the place and the number of those of a turn. */
#define LOOP(kind, at)                                          \
  for (size_t i = 0; i < count; i += VL) {                      \
    enum { K = kind };                                          \
    const int n = count - i < VL ? (int)(count - i) : VL;       \
    at;                                                         \
  }

#define EACH_KIND(at)                           \
  switch (kind) {                               \
    case ERF: LOOP(ERF, at); break;             \
    case TANH: LOOP(TANH, at); break;           \
    case QUICK: LOOP(QUICK, at); break;         \
    default: LOOP(SILU, at);                    \
  }

KERNEL(gelu) {
  const int kind = whole(call, 3, ERF, SILU);
  const size_t from = (size_t)call->begin * 4, count = (size_t)call->end * 4 - from;
  const float *x = floats(call, 4, from + count);
  float *y = floats(call, 5, from + count);
  if (call->wrong) return;
  x += from, y += from;
  EACH_KIND(gelu_at(K, x + i, y + i, n))
}

KERNEL(geluGrad) {
  const int kind = whole(call, 3, ERF, SILU);
  const size_t from = (size_t)call->begin * 4, count = (size_t)call->end * 4 - from;
  const float *dy = floats(call, 4, from + count), *x = floats(call, 5, from + count);
  float *dx = floats(call, 6, from + count);
  if (call->wrong) return;
  dy += from, x += from, dx += from;
  EACH_KIND(gelu_grad_at(K, dy + i, x + i, dx + i, n))
}

KERNEL(gated) {
  const int kind = whole(call, 3, ERF, SILU);
  const size_t from = (size_t)call->begin * 4, count = (size_t)call->end * 4 - from;
  const float *x = floats(call, 4, from + count), *gate = floats(call, 5, from + count);
  float *y = floats(call, 6, from + count);
  if (call->wrong) return;
  x += from, gate += from, y += from;
  EACH_KIND(gated_at(K, x + i, gate + i, y + i, n))
}

KERNEL(gatedGrad) {
  const int kind = whole(call, 3, ERF, SILU);
  const size_t from = (size_t)call->begin * 4, count = (size_t)call->end * 4 - from;
  const float *dy = floats(call, 4, from + count), *x = floats(call, 5, from + count);
  const float *gate = floats(call, 6, from + count);
  float *dx = floats(call, 7, from + count), *dgate = floats(call, 8, from + count);
  if (call->wrong) return;
  dy += from, x += from, gate += from, dx += from, dgate += from;
  EACH_KIND(gated_grad_at(K, dy + i, x + i, gate + i, dx + i, dgate + i, n))
}
