// One attention, as src/fused/problem.ts writes it and assembly/problem.ts explains it, and what a thread works on.
#pragma once
#include "../../backend-simd/native/call.h"

typedef struct {
  uint32_t q, k, v, y, dq, dk, dv, dbias;
  uint32_t mask;
  int32_t mask_strides[4];
  uint32_t bias;
  int32_t bias_strides[4];
  uint32_t rows, starts, order;
  int32_t B, H, G, group, Q, L, C, K;
  float scale;
  int32_t seed;
  uint32_t threshold;
  float keep;
  int32_t offset, block, stripe, packed, summed, images;
  uint32_t scratch, scratch_stride;
  uint32_t s, dp, qt, gt, qr, gr, yr, rowwise, kp, vp, dkp, dvp;
} Words32;

/** Something that is added to scores, with its strides; NULL where there is nothing. */
typedef struct {
  float *at;
  size_t b, h, q, l;
} Addend;

/** The problem with addresses that were checked, and the scratch of a thread; steps in floats. */
typedef struct {
  Words32 p;
  float *q, *k_all, *v_all, *y, *dq, *dk, *dv, *dbias;
  Addend mask, bias;
  const int32_t *rows, *starts, *order;
  /** So many images fit into the heap. */
  int32_t images;
  int32_t b, head;
  /** Keys and values of the head, and the step from one to the next. */
  const float *k, *v;
  size_t step;
  float *s, *dp, *qt, *gt, *qr, *gr, *yr, *top, *sum, *times, *mean, *kp, *vp, *dkp, *dvp;
  /** Floats of a row of a head in scratch, and of a row of s. */
  size_t width, wide;
} Work;

enum { FORWARD, BACKWARD, BIAS };

/** Reads the problem, once, and checks it; sets `wrong` where anything of it reaches beyond the heap. */
void read_problem(Call *call, Work *w, int kind);

/** The head of query `r` in its group: the queries of a group are those of its heads, one after the other. */
INLINE int head_of(const Work *w, int r) { return r < w->p.Q ? 0 : r / w->p.Q; }

/** Where the row of query `r` begins in q, y and their gradients. */
INLINE size_t row_of(const Work *w, int r) {
  const int g = head_of(w, r);
  const size_t row = ((size_t)w->b * w->p.Q + r - (size_t)g * w->p.Q) * w->p.H;
  return (row + (size_t)w->head * w->p.group + g) * w->p.K;
}
