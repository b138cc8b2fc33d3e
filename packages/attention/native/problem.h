// One attention, as src/fused/problem.ts writes it and assembly/problem.ts explains it, and what a thread works on.
#pragma once
#include "../../backend-simd/native/call.h"
#include "../../backend-simd/native/simd.h"

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

/** What is added must lie in the heap with all that its strides reach. */
INLINE Addend addend_at(Call *call, const Words32 *p, uint32_t at, const int32_t *strides) {
  Addend x = {NULL, 0, 0, 0, 0};
  if (!at) return x;
  const int32_t sizes[4] = {p->B, p->H, p->Q, p->L};
  double last = 1;
  for (int i = 0; i < 4; i++) {
    if (strides[i] < 0) wrong_argument(call, 3);
    last += (double)(sizes[i] - 1) * strides[i];
  }
  x.at = bytes_at(call, 3, at, 4 * last);
  x.b = (size_t)strides[0], x.h = (size_t)strides[1], x.q = (size_t)strides[2], x.l = (size_t)strides[3];
  return x;
}

/** A place of a thread's scratch with room for so many floats. */
INLINE float *place_at(Call *call, const Words32 *p, float *scratch, uint32_t at, double floats) {
  if (at % 4 || at + 4 * floats > p->scratch_stride) wrong_argument(call, 3);
  return scratch + at / 4;
}

/** Reads the problem, once, and checks it; sets `wrong` where anything of it reaches beyond the heap. */
static void read_problem(Call *call, Work *w, int kind) {
  const void *from = bytes_at(call, 3, call->numbers[3], sizeof(Words32));
  if (call->wrong) return;
  memset(w, 0, sizeof *w);
  memcpy(&w->p, from, sizeof w->p);
  const Words32 *p = &w->p;
  const int32_t sizes[] = {p->B, p->H, p->G, p->group, p->Q, p->L, p->C, p->K, p->block};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    if (sizes[i] < 1 || sizes[i] > 1 << 28) wrong_argument(call, 3);
  }
  if (call->wrong || (double)p->G * p->group != p->H || p->L > p->C || p->block % 4 || p->block > 4096 ||
      (double)p->group * p->Q > 1 << 28 || p->offset > 1 << 28 || p->offset < -(1 << 28)) {
    wrong_argument(call, 3);
    return;
  }
  const double queries = (double)p->B * p->Q * p->H * p->K, keys = (double)p->C * p->G * p->K;
  w->q = bytes_at(call, 3, p->q, 4 * queries);
  w->y = bytes_at(call, 3, p->y, 4 * queries);
  if (kind == BACKWARD) w->dq = bytes_at(call, 3, p->dq, 4 * queries);
  // Which image is looked at is known row by row.
  const uint32_t starts[] = {p->k, p->v, p->dk, p->dv};
  double images = 1 << 28;
  for (int i = 0; i < (kind == BACKWARD ? 4 : 2); i++) {
    if (starts[i] % 4) wrong_argument(call, 3);
    const double fit = ((double)call->size - OVERHANG - starts[i]) / (4 * keys);
    images = fit < images ? fit : images;
  }
  w->images = images < 1 ? 0 : (int32_t)images;
  w->k_all = (float *)(call->base + p->k);
  w->v_all = (float *)(call->base + p->v);
  w->dk = (float *)(call->base + p->dk);
  w->dv = (float *)(call->base + p->dv);
  w->mask = addend_at(call, p, p->mask, p->mask_strides);
  w->bias = addend_at(call, p, p->bias, p->bias_strides);
  if (p->dbias) w->dbias = addend_at(call, p, p->dbias, p->bias_strides).at;
  if (kind == BIAS ? !p->bias || !p->dbias : kind == BACKWARD && p->dbias && (!p->bias || p->group > 1)) wrong_argument(call, 3);
  if (kind == BACKWARD && (p->images < 1 || (double)((call->end - 1) / p->G + 1) * p->images > w->images)) wrong_argument(call, 3);
  if (p->rows) w->rows = bytes_at(call, 3, p->rows, 4.0 * p->B);
  if (p->starts) w->starts = bytes_at(call, 3, p->starts, 4 * (((double)call->end / p->G + 1) * p->images + 1));
  if (p->starts) w->order = bytes_at(call, 3, p->order, 4.0 * p->B);
  w->width = (size_t)((p->K + 3) & ~3);
  w->wide = (size_t)p->block;
  float *scratch = bytes_at(
      call, 3, p->scratch + (double)call->thread * p->scratch_stride, (double)p->scratch_stride);
  if (call->wrong) return;
  const double M = p->block, width = (double)w->width, scores = M * p->L;
  w->s = place_at(call, p, scratch, p->s, scores);
  w->qt = place_at(call, p, scratch, p->qt, width * M);
  w->qr = place_at(call, p, scratch, p->qr, width * M);
  w->yr = place_at(call, p, scratch, p->yr, width * M);
  w->top = place_at(call, p, scratch, p->rowwise, 4 * M);
  w->sum = w->top + p->block, w->times = w->sum + p->block, w->mean = w->times + p->block;
  if (kind != FORWARD) {
    w->dp = place_at(call, p, scratch, p->dp, scores);
    w->gt = place_at(call, p, scratch, p->gt, width * M);
    w->gr = place_at(call, p, scratch, p->gr, width * M);
  }
  if (p->packed) {
    w->kp = place_at(call, p, scratch, p->kp, (width + 4) * p->L);
    w->vp = place_at(call, p, scratch, p->vp, (width + 4) * p->L);
  }
  if (p->summed) {
    w->dkp = place_at(call, p, scratch, p->dkp, width * p->L);
    w->dvp = place_at(call, p, scratch, p->dvp, width * p->L);
  }
}

/** The head of query `r` in its group: the queries of a group are those of its heads, one after the other. */
INLINE int head_of(const Work *w, int r) { return r < w->p.Q ? 0 : r / w->p.Q; }

/** Where the row of query `r` begins in q, y and their gradients. */
INLINE size_t row_of(const Work *w, int r) {
  const int g = head_of(w, r);
  const size_t row = ((size_t)w->b * w->p.Q + r - (size_t)g * w->p.Q) * w->p.H;
  return (row + (size_t)w->head * w->p.group + g) * w->p.K;
}
