// The functions of assembly/math.ts, operation by operation.
#pragma once
#include "simd.h"

/** 2^n·e^r; see expInRange in assembly/math.ts. */
INLINE V exp_in_range(V x, int32_t exponent) {
  V shifted = madd(x, splat(1.44269504088896f), splat(12582912.0f));
  V n = shifted - splat(12582912.0f);
  V r = madd(n, splat(-0.693359375f), x);
  r = madd(n, splat(2.12194440e-4f), r);
  V q = madd(r, splat(0.008374722674489021f), splat(0.041898854076862335f));
  q = madd(q, r, splat(0.16666457056999207f));
  q = madd(q, r, splat(0.49999141693115234f));
  q = madd(q, r * r, r + splat(1));
  return q * (V)(((U)shifted << 23) + (uint32_t)exponent);
}

INLINE V exp_any(V x) {
  V clamped = at_least(at_most(x, splat(89)), splat(-86.6f));
  V half = exp_in_range(clamped, 126 << 23);
  return zero_below(half + half, x, splat(-86.6f));
}

INLINE V exp_negative(V x) {
  return zero_below(exp_in_range(at_least(x, splat(-86.6f)), 127 << 23), x, splat(-86.6f));
}

INLINE V negated(V x) { return (V)((U)x ^ 0x80000000u); }

INLINE V sigmoid(V x) { return splat(1) / (splat(1) + exp_any(negated(x))); }

INLINE V erf_of(V x) {
  V t = at_least(at_most(x, splat(3.93f)), splat(-3.93f));
  V s = t * t;
  V p = madd(s, splat(2.0363249865656207e-6f), splat(0.00028476177249103785f));
  p = madd(p, s, splat(0.0037895021960139275f));
  p = madd(p, s, splat(0.052819740027189255f));
  p = madd(p, s, splat(0.1910499781370163f));
  p = madd(p, s, splat(1.1283791065216064f));
  V q = madd(s, splat(3.794332587858662e-5f), splat(0.0011671147076413035f));
  q = madd(q, s, splat(0.015017404220998287f));
  q = madd(q, s, splat(0.11436232179403305f));
  q = madd(q, s, splat(0.5026463270187378f));
  q = madd(q, s, splat(1));
  return p * t / q;
}
