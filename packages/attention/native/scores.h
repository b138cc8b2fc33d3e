// Scores of keys and their exponentials: assembly/scores.ts, addends.ts, exponentials.ts and heads.ts.
#pragma once
#include "product.h"
#include "rows.h"

/** Keys that are gone through at a time. */
#define FEW 48
/** What a score loses whose key comes after its query, and the best score of a query that sees none; assembly/addends.ts. */
#define FUTURE -10000.0f
#define BLIND -1000.0f

INLINE int least(int a, int b) { return a < b ? a : b; }

/** Queries rounded up to whole vectors of four. */
INLINE int fours(int n) { return (n + 3) & ~3; }

/** `times` is x for n queries, and 0 for those up to a multiple of 4. */
INLINE void set_times(Work *w, int n, float x) {
  for (int i = 0; i < fours(n); i++) w->times[i] = i < n ? x : 0;
}

/** `times` becomes the inverse of the sums. */
INLINE void invert_sums(Work *w, int n) {
  for (int i = 0; i < n; i++) w->times[i] = 1 / w->sum[i];
}

/** The products of `keys` rows of x with the one row q, each alone in four floats of `out`. */
static void dots_of_one(const Work *w, const float *x, int keys, const float *q, float *out) {
  for (int l = 0; l < keys; l += 4) {
    const int n = keys - l;
    const float *rows[4] = {x, n > 1 ? x + w->step : x, n > 2 ? x + 2 * w->step : x, n > 3 ? x + 3 * w->step : x};
    Four sums[4] = {splat4(0), splat4(0), splat4(0), splat4(0)};
    for (size_t at = 0; at < w->width; at += 4) {
      const Four y = load4(q + at);
      for (int i = 0; i < 4; i++) sums[i] = madd4(y, load4(rows[i] + at), sums[i]);
    }
    for (int i = 0; i < 4 && i < n; i++) {
      float lanes[4];
      store4(lanes, sums[i]);
      store4(out + 4 * i, splat4((lanes[0] + lanes[2]) + (lanes[1] + lanes[3])));
    }
    x += 4 * w->step;
    out += 16;
  }
}

/** out [keys,M] = x [keys,K]·t [K,n] of keys [from, to), where x is keys or values and `rows` are those of tᵀ. */
static void dots(const Work *w, const float *x, int from, int to, const float *t, const float *rows, float *out, int n) {
  const float *at = x + from * w->step;
  float *first = out + from * w->wide;
  touch(w, at, to - from);
  if (n == 1 && w->wide == 4 && w->p.K % 4 == 0) {
    dots_of_one(w, at, to - from, rows, first);
    return;
  }
  const Factors f = {at, w->step, 1, t, w->wide, first, w->wide, w->p.K, 0};
  multiply(&f, to - from, fours(n));
}

/** w->yr [n,K] (+)= sᵀ [n,keys]·x [keys,K] of keys [from, to); anew where `from` is 0. */
static void combine(const Work *w, const float *s, int n, int from, int to, const float *x) {
  const float *rows = x + from * w->step;
  touch(w, rows, to - from);
  const Factors f = {s + from * w->wide, 1, w->wide, rows, w->step, w->yr, w->width, to - from, from > 0};
  multiply(&f, n, (int)w->width);
}

/** to [keys,K] (+)= s [keys,n]·x [n,K] of keys [from, end), where `to` is a gradient of keys or values. */
static void spread(const Work *w, const float *s, int n, int from, int end, const float *x, float *to, size_t step, int add) {
  const Factors f = {s + from * w->wide, w->wide, 1, x, w->width, to + from * step, step, n, add};
  multiply(&f, end - from, (int)w->width);
}

/** Where the row of query r begins in what is added. */
INLINE const float *addend_row(const Work *w, const Addend *x, int r) {
  const int g = head_of(w, r);
  return x->at + w->b * x->b + ((size_t)w->head * w->p.group + g) * x->h + (size_t)(r - g * w->p.Q) * x->q;
}

/** Brings what is added near, row by row: the processor does not find out by itself in time. */
INLINE void touch_addend(const Work *w, const Addend *x, int r, int n, int from, int to) {
  if (!x->at || !x->q || !x->l) return;
  for (int i = 0; i < n; i++) {
    const float *row = addend_row(w, x, r + i);
    for (int l = from; l < to; l += 16) __builtin_prefetch(row + l);
  }
}

/** s[l] += x, of queries [r, r + n) and keys [from, to). */
static void add_broadcast(Work *w, const Addend *x, int r, int n, int from, int to) {
  const int M = fours(n);
  if (x->q == 0 && (x->h == 0 || w->p.group == 1)) { // one row for all queries of the block
    const float *row = addend_row(w, x, r);
    for (int l = from; l < to; l++) {
      const V add = splat(row[l * x->l]);
      float *s = w->s + l * w->wide;
      for (int j = 0; j < M; j += VL) {
        const int lanes = least(VL, M - j);
        store_n(s + j, load_n(s + j, lanes) + add, lanes);
      }
    }
    return;
  }
  for (int i = 0; i < n; i += 4) {
    const float *rows[4];
    for (int j = 0; j < 4; j++) rows[j] = addend_row(w, x, i + j < n ? r + i + j : r + i);
    float *s = w->s + i + from * w->wide;
    int l = from;
    if (x->l) {
      for (; l + 4 <= to; l += 4) {
        Four v[4];
        for (int j = 0; j < 4; j++) v[j] = load4(rows[j] + l);
        transpose4(v);
        for (int j = 0; j < 4; j++) {
          store4(s, load4(s) + v[j]);
          s += w->wide;
        }
      }
    }
    for (; l < to; l++) {
      for (int j = 0; j < 4; j++) s[j] += rows[j][l * x->l];
      s += w->wide;
    }
  }
}

/** Lowers the scores of keys [from, to) that come after their query. */
static void lower_future(Work *w, int r, int n, int from, int to) {
  for (int i = 0; i < fours(n); i++) {
    const int last = w->p.offset + (r + i) % w->p.Q;
    const int first = last + 1 > from ? last + 1 : from;
    for (int l = first; l < to; l++) w->s[l * w->wide + i] += FUTURE;
  }
}

/** The scores of keys [from, to), with all that is added to them, and `top` raised to the greatest. */
static void score(Work *w, int r, int n, int first, int from, int to) {
  const int M = fours(n);
  for (int l = from; l < to; l += FEW) {
    const int end = least(l + FEW, to);
    touch_addend(w, &w->bias, r, n, l, end);
    dots(w, w->k, l, end, w->qt, w->qr, w->s, n);
    if (w->bias.at) add_broadcast(w, &w->bias, r, n, l, end);
    if (w->mask.at) add_broadcast(w, &w->mask, r, n, l, end);
    if (w->p.offset + first < end - 1) lower_future(w, r, n, l, end);
    for (int j = 0; j < M; j += VL) {
      const int lanes = least(VL, M - j);
      V top = load_n(w->top + j, lanes);
      const float *s = w->s + j + l * w->wide;
      for (int i = l; i < end; i++) {
        top = at_least(top, load(s));
        s += w->wide;
      }
      store_n(w->top + j, top, lanes);
    }
  }
}

/** Whether any query's greatest score is below what a masked one may be. */
static int blind(const Work *w, int n) {
  for (int i = 0; i < n; i++) {
    if (w->top[i] < BLIND) return 1;
  }
  return 0;
}

/** The scores of keys for queries [r, r + n), and the greatest. Returns how many keys may have a weight. */
static int scores(Work *w, int r, int n) {
  const int Q = w->p.Q, L = w->p.L;
  for (size_t j = 0; j < w->wide; j++) w->top[j] = -__builtin_inff(), w->sum[j] = 0;
  set_times(w, n, w->p.scale);
  gather(w, w->q, r, n, w->qt, w->qr);
  const int g = head_of(w, r), one_head = g == head_of(w, r + n - 1);
  const int first = one_head ? r - g * Q : 0, last = one_head ? first + n - 1 : Q - 1;
  const int most = w->p.offset + last + 1, seen = least(L, most < 0 ? 0 : most);
  score(w, r, n, first, 0, seen);
  if (seen == L || !blind(w, n)) return seen;
  score(w, r, n, first, seen, L);
  return L;
}

/** MurmurHash3's finalizer. */
INLINE U mix(U h) {
  h = (h ^ h >> 16) * 0x85ebca6b;
  h = (h ^ h >> 13) * 0xc2b2ae35;
  return h ^ h >> 16;
}

/** Dropout of `x` [keys,M], of queries [r, r + n) and keys [from, to): assembly/dropout.ts. */
static void drop(const Work *w, float *x, int r, int n, int from, int to) {
  const Words32 *p = &w->p;
  const uint32_t L = (uint32_t)p->L, row = ((uint32_t)w->b * p->H + (uint32_t)w->head * p->group) * p->Q + r;
  const int M = fours(n);
  for (int j = 0; j < M; j += VL) {
    const int lanes = least(VL, M - j);
    U index;
    for (int i = 0; i < VL; i++) index[i] = (row + j + i) * L + from;
    float *at = x + j + from * w->wide;
    for (int l = from; l < to; l++) {
      const U stays = (U)(mix(index ^ (uint32_t)p->seed) >= p->threshold);
      store_n(at, (V)((U)(load_n(at, lanes) * p->keep) & stays), lanes);
      index += 1;
      at += w->wide;
    }
  }
}

/** s[l] becomes e^(s[l] - top), or 0 below e^-86.6, for keys [from, to), and `sum` grows by them. */
static void exponentials(Work *w, int n, int from, int to) {
  const int M = fours(n);
  for (int j = 0; j < M; j += VL) {
    const int lanes = least(VL, M - j);
    const V top = load_n(w->top + j, lanes);
    V sum = load_n(w->sum + j, lanes);
    float *s = w->s + j + from * w->wide;
    for (int l = from; l < to; l++) {
      const V x = load_n(s, lanes) - top;
      const V whole_part = madd(x, splat(1.44269504088896f), splat(12582912.0f));
      const V f = madd(x, splat(1.44269504088896f), splat(12582912.0f) - whole_part);
      V y = madd(f, splat(0.0013264727550456563f), splat(0.009671512872765617f));
      y = madd(y, f, splat(0.055507337445829315f));
      y = madd(y, f, splat(0.24022242081817968f));
      y = madd(y, f, splat(0.6931469775971001f));
      y = madd(y, f, splat(1));
      y = (V)((U)y + ((U)whole_part << 23));
      y = zero_below(y, x, splat(-86.6f));
      store_n(s, y, lanes);
      sum += y;
      s += w->wide;
    }
    store_n(w->sum + j, sum, lanes);
  }
}
