// Attention and its gradients: assembly/forward.ts, backward.ts, bias.ts and dropout.ts.
#include "scores.h"

/** The keys and values of an image for the head of `w`, copied together where that is worth it. False where it is beyond the heap. */
static int look_at(Call *call, Work *w, int image) {
  const Words32 *p = &w->p;
  if (image < 0 || image >= w->images) return wrong_argument(call, 3);
  const size_t step = (size_t)p->G * p->K, at = (size_t)image * p->C * step + (size_t)w->head * p->K;
  w->k = w->k_all + at;
  w->v = w->v_all + at;
  w->step = step;
  if (!p->packed) return 1;
  const size_t close = w->width + 4;
  copy_rows(w->k, step, w->kp, close, p->L, p->K);
  copy_rows(w->v, step, w->vp, close, p->L, p->K);
  w->k = w->kp;
  w->v = w->vp;
  w->step = close;
  return 1;
}

/** y: stripes [begin, end) of queries, of a [B, G, ceil(queries of a group / stripe)] grid. */
KERNEL(attention) {
  Work work, *w = &work;
  read_problem(call, w, FORWARD);
  if (call->wrong) return;
  const Words32 *p = &w->p;
  const int queries = p->group * p->Q;
  if (p->stripe < 1 || (double)((queries - 1) / p->stripe + 1) * p->B * p->G < call->end) wrong_argument(call, 1);
  if (call->wrong) return;
  const int stripes = (queries - 1) / p->stripe + 1;
  for (int item = call->begin; item < call->end; item++) {
    const int part = item / stripes, first = (item - part * stripes) * p->stripe;
    w->b = part / p->G;
    w->head = part - w->b * p->G;
    if (!look_at(call, w, w->rows ? w->rows[w->b] : w->b)) return;
    const int stop = p->stripe < queries - first ? first + p->stripe : queries;
    for (int r = first; r < stop; r += p->block) {
      const int n = least(p->block, queries - r), seen = scores(w, r, n);
      for (int l = 0; l < seen; l += FEW) {
        const int to = least(l + FEW, seen);
        exponentials(w, n, l, to);
        if (p->threshold) drop(w, w->s, r, n, l, to);
        combine(w, w->s, n, l, to, w->v);
      }
      invert_sums(w, n);
      scatter(w, w->y, r, n);
    }
  }
}

/** s: the probabilities times their sums, dp: the gradients with respect to them, and their means; see assembly/backward.ts. */
static int shares(Work *w, int r, int n) {
  const int M = fours(n), seen = scores(w, r, n);
  set_times(w, n, 1);
  gather(w, w->y, r, n, w->gt, w->gr);
  for (size_t j = 0; j < w->wide; j++) w->mean[j] = 0;
  for (int l = 0; l < seen; l += FEW) {
    const int to = least(l + FEW, seen);
    exponentials(w, n, l, to);
    dots(w, w->v, l, to, w->gt, w->gr, w->dp, n);
    if (w->p.threshold) drop(w, w->dp, r, n, l, to);
    for (int j = 0; j < M; j += VL) {
      const int lanes = least(VL, M - j);
      V mean = load_n(w->mean + j, lanes);
      size_t at = j + l * w->wide;
      for (int i = l; i < to; i++) {
        mean = madd(load(w->s + at), load(w->dp + at), mean);
        at += w->wide;
      }
      store_n(w->mean + j, mean, lanes);
    }
  }
  invert_sums(w, n);
  return seen;
}

/** Of keys [from, to), s becomes probabilities and dp the gradients with respect to scores: p·(dp - mean). */
static void gradients(Work *w, int n, int from, int to) {
  const int M = fours(n);
  for (int j = 0; j < M; j += VL) {
    const int lanes = least(VL, M - j);
    const V times = load_n(w->times + j, lanes), mean = load_n(w->mean + j, lanes) * times;
    float *s = w->s + j + from * w->wide, *dp = w->dp + j + from * w->wide;
    for (int l = from; l < to; l++) {
      const V share = load_n(s, lanes) * times;
      store_n(s, share, lanes);
      store_n(dp, share * (load_n(dp, lanes) - mean), lanes);
      s += w->wide;
      dp += w->wide;
    }
  }
}

/** Clears the rows of `out` of n queries, which are one where the bias broadcasts over them. */
static void clear_sums(const Work *w, int n, float *out) {
  for (int i = 0; i < (w->bias.q ? n : 1); i++) memset(out + i * w->bias.q, 0, (w->bias.l ? w->p.L : 1) * sizeof(float));
}

/** out += dp of n queries, summed over the axes on which the bias broadcasts: assembly/addends.ts. */
static void add_up(const Work *w, int n, int keys, float *out) {
  const size_t row = w->bias.q;
  for (int i = 0; i < n; i += 4) {
    const int many = least(4, n - i);
    const float *from = w->dp + i;
    float *to = out + i * row;
    Four total = splat4(0);
    int l = 0;
    if (w->bias.l && row && many == 4) {
      for (; l + 4 <= keys; l += 4) {
        Four x[4];
        for (int j = 0; j < 4; j++) x[j] = load4(from + (l + j) * w->wide);
        transpose4(x);
        for (int j = 0; j < 4; j++) store4(to + j * row + l, load4(to + j * row + l) + x[j]);
      }
    }
    for (; l < keys; l++) {
      const Four x = load4(from + l * w->wide);
      if (!w->bias.l) {
        total = total + x;
        continue;
      }
      float lanes[4];
      store4(lanes, x);
      for (int j = 0; j < many; j++) to[j * row + l] += lanes[j];
    }
    if (!w->bias.l) {
      float lanes[4];
      store4(lanes, total);
      for (int j = 0; j < many; j++) to[j * row] += lanes[j];
    }
  }
}

/** The gradients of an image and of the rows that attend to it. `fresh`: dbias is not written yet. */
static void of_image(Call *call, Work *w, int image, int fresh) {
  const Words32 *p = &w->p;
  const int queries = p->group * p->Q;
  const size_t far = (size_t)p->G * p->K;
  if (!look_at(call, w, image)) return;
  const size_t own = (size_t)image * p->C * far + (size_t)w->head * p->K;
  float *dk = p->summed ? w->dkp : w->dk + own, *dv = p->summed ? w->dvp : w->dv + own;
  const size_t step = p->summed ? w->width : far;
  const int columns = p->summed ? (int)w->width : p->K;
  const int first = w->starts ? w->starts[image] : image, stop = w->starts ? w->starts[image + 1] : image + 1;
  if (first < 0 || stop > p->B) wrong_argument(call, 3);
  if (call->wrong) return;
  int written = 0; // so many keys have gradients
  for (int row = first; row < stop; row++) {
    w->b = w->starts ? w->order[row] : row;
    if (w->b < 0 || w->b >= p->B) {
      wrong_argument(call, 3);
      return;
    }
    for (int r = 0; r < queries; r += p->block) {
      const int n = least(p->block, queries - r), seen = shares(w, r, n), more = written > 0;
      if (more && written < seen) {
        clear_rows(dk + written * step, step, seen - written, columns);
        clear_rows(dv + written * step, step, seen - written, columns);
      }
      if (written < seen) written = seen;
      for (int l = 0; l < seen; l += FEW) {
        const int to = least(l + FEW, seen);
        gradients(w, n, l, to);
        if (p->threshold) drop(w, w->s, r, n, l, to);
        spread(w, w->dp, n, l, to, w->qr, dk, step, more);
        spread(w, w->s, n, l, to, w->gr, dv, step, more);
        combine(w, w->dp, n, l, to, w->k);
      }
      if (w->dbias) {
        float *out = w->dbias + w->b * w->bias.b + w->head * w->bias.h + r * w->bias.q;
        if (fresh && (w->bias.b || row == first) && (w->bias.q || r == 0)) clear_sums(w, n, out);
        add_up(w, n, seen, out);
      }
      set_times(w, n, p->scale);
      scatter(w, w->dq, r, n);
    }
  }
  float *dk_own = w->dk + own, *dv_own = w->dv + own;
  if (p->summed) {
    copy_rows(dk, step, dk_own, far, written, p->K);
    copy_rows(dv, step, dv_own, far, written, p->K);
  }
  clear_rows(dk_own + written * far, far, p->C - written, p->K);
  clear_rows(dv_own + written * far, far, p->C - written, p->K);
}

/** Heads of keys and values [begin, end), of an [I / images, G] grid: dk, dv, dq and, where it is wanted, dbias. */
KERNEL(attentionGrad) {
  Work work, *w = &work;
  read_problem(call, w, BACKWARD);
  if (call->wrong) return;
  const Words32 *p = &w->p;
  if (!p->summed && p->K % 4) wrong_argument(call, 3);
  for (int item = call->begin; item < call->end; item++) {
    const int part = item / p->G;
    w->head = item - part * p->G;
    for (int i = 0; i < p->images && !call->wrong; i++) of_image(call, w, part * p->images + i, i == 0);
  }
}

/** dbias: parts [begin, end), of a grid [B, H, blocks of queries] without the axes over which the bias broadcasts. */
KERNEL(attentionBiasGrad) {
  Work work, *w = &work;
  read_problem(call, w, BIAS);
  if (call->wrong) return;
  const Words32 *p = &w->p;
  const Addend *bias = &w->bias;
  const int blocks = bias->q ? (p->Q - 1) / p->block + 1 : 1, heads = bias->h ? p->H : 1;
  if ((double)blocks * heads * (bias->b ? p->B : 1) < call->end) wrong_argument(call, 1);
  if (call->wrong) return;
  for (int item = call->begin; item < call->end; item++) {
    const int rest = item / blocks, i0 = (item - rest * blocks) * p->block;
    const int i1 = bias->q ? least(p->Q, i0 + p->block) : p->Q;
    const int b0 = rest / heads, h0 = rest - b0 * heads;
    float *out = w->dbias + b0 * bias->b + h0 * bias->h + i0 * bias->q;
    clear_sums(w, i1 - i0, out);
    for (int b = b0; b < (bias->b ? b0 + 1 : p->B); b++) {
      for (int h = h0; h < (bias->h ? h0 + 1 : p->H); h++) {
        w->b = b;
        w->head = h / p->group;
        if (!look_at(call, w, w->rows ? w->rows[b] : b)) return;
        for (int i = i0; i < i1; i += p->block) {
          const int n = least(p->block, i1 - i), r = (h - w->head * p->group) * p->Q + i;
          const int seen = shares(w, r, n);
          gradients(w, n, 0, seen);
          add_up(w, n, seen, out);
        }
      }
    }
  }
}
