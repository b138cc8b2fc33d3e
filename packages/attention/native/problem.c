// What a problem of attention says is checked here, by code that is the same for every instruction set.
#include "problem.h"

/** What is added must lie in the heap with all that its strides reach. */
static Addend addend_at(Call *call, const Words32 *p, uint32_t at, const int32_t *strides) {
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
static float *place_at(Call *call, const Words32 *p, float *scratch, uint32_t at, double floats) {
  if (at % 4 || at + 4 * floats > p->scratch_stride) wrong_argument(call, 3);
  return scratch + at / 4;
}

void read_problem(Call *call, Work *w, int kind) {
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
