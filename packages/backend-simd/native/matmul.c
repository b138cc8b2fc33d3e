// C = A·B by register tiles: assembly/matmul.ts, whose order of sums is kept, so that every float has the same bits.
#include "call.h"
#include "pack.h"

/** Most depth of a block, as in assembly/matmul.ts: sums are rounded to memory between blocks. */
#define KC 768
/** Most rows of a block of A, and where in a thread's scratch a row of zeros and the packed B lie; in floats. */
#define MC 96
#define ZEROS (96 * 768 + 16)
#define SCRATCH_B (96 * 768 + 32)
#define VECTORS (PANEL / VL)

/**
 * The lines of cache that a panel of B lies in. Line i is at b + i % 16 · near + i / 16 · far; where a panel is wider than a line, others
 * are `beside` it. In floats.
 */
typedef struct {
  const float *b;
  size_t near, far, beside;
} Lines;

/** Columns that lie along k have a line for 16 of k; rows that lie along the columns have one for each k. */
INLINE Lines lines_of(const float *b, size_t k_stride, size_t n_stride) {
  if (k_stride == 1) return (Lines){b, n_stride, 16, 16 * n_stride};
  return (Lines){b, k_stride, 16 * k_stride, 16 * n_stride};
}

/** Fetches line k: a panel has as many lines as depth. */
INLINE void fetch(Lines s, int k) {
  const float *at = s.b + k % 16 * s.near + k / 16 * s.far;
  for (int c = 0; c < PANEL; c += 16, at += s.beside) __builtin_prefetch(at);
}

/** Where a tile begins and what is added to it; strides in floats. */
typedef struct {
  const float *from;
  size_t from_stride;
  const float *bias;
  float *c;
  size_t stride;
  /** Columns that are stored, and whether of the greater of them and 0. */
  int columns, relu;
  /** What is fetched meanwhile; see `fetch`. */
  Lines next;
} Target;

/**
 * `rows` by `vectors` vectors: from + bias + A·B, where A's number of row r and depth k is a[r·row + k·step]; where `fetches`, the lines of
 * t.next are fetched meanwhile. All three are constants.
 */
INLINE void tile(int rows, int vectors, int fetches, const float *a, size_t row, size_t step, const float *b, int depth, Target t) {
  V sums[TILE_ROWS][VECTORS];
#pragma GCC unroll 12
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      sums[r][v] = t.bias ? load(t.bias + v * VL) : splat(0);
    }
  }
  for (int k = 0; k < depth; k++) {
    if (fetches) fetch(t.next, k);
    V right[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) right[v] = load(b + v * VL);
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
      const V left = splat(a[r * row]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) sums[r][v] = madd(left, right[v], sums[r][v]);
    }
    a += step;
    b += PANEL;
  }
#pragma GCC unroll 12
  for (int r = 0; r < rows; r++) {
    float *c = t.c + r * t.stride;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      const V from = t.from ? load(t.from + r * t.from_stride + v * VL) : splat(0);
      const V all = from + sums[r][v], sum = t.relu ? relu(all) : all;
      const int n = t.columns - v * VL;
      if (n >= VL) store(c + v * VL, sum);
      else if (n > 0) store_part(c + v * VL, sum, n);
    }
  }
}

/** The tiles of a strip of `vectors` vectors of columns: of as many rows as fit, and of fewer at the end. */
INLINE void strip(
    int vectors, int rows, const float *a, size_t row, size_t step, size_t tile_step, const float *b, int depth, Target t) {
#define ROWS_BY(n, next)                            \
  for (; rows >= (n); rows -= (n)) {                \
    tile(n, vectors, 0, a, row, step, b, depth, t); \
    a += (next);                                    \
    t.c += (n) * t.stride;                          \
    if (t.from) t.from += (n) * t.from_stride;      \
  }
  ROWS_BY(TILE_ROWS, tile_step)
  if (vectors > 1) { // narrow strips are few
    ROWS_BY(4, 4 * row)
    ROWS_BY(2, 2 * row)
  }
  ROWS_BY(1, row)
}

static __attribute__((noinline)) void wide_strip(
    int rows, const float *a, size_t row, size_t step, size_t tile_step, const float *b, int depth, const Target *t) {
  strip(VECTORS, rows, a, row, step, tile_step, b, depth, *t);
}

static __attribute__((noinline)) void narrow_strip(
    int rows, const float *a, size_t row, size_t step, size_t tile_step, const float *b, int depth, const Target *t) {
  strip(1, rows, a, row, step, tile_step, b, depth, *t);
}

/** Rows of the tile during which the next panel is fetched: few, as it takes code of its own. */
#define FETCHING_ROWS 4

static __attribute__((noinline)) void fetching_tile(const float *a, size_t row, const float *b, int depth, const Target *t) {
  tile(FETCHING_ROWS, VECTORS, 1, a, row, 1, b, depth, *t);
}

/** Packs `rows` rows of A that are not contiguous, in panels of TILE_ROWS; strides in floats. */
static void pack_a(const float *a, float *to, int rows, int depth, size_t row, size_t step) {
  for (int k = 0; k < depth; k++) {
    const float *from = a + k * step;
    float *out = to + (size_t)k * TILE_ROWS;
    int i = 0;
    if (row == 1) {
      for (; i + TILE_ROWS <= rows; i += TILE_ROWS) {
        memcpy(out, from + i, TILE_ROWS * sizeof(float));
        out += (size_t)depth * TILE_ROWS;
      }
    }
    for (; i < rows; i++) {
      out[i % TILE_ROWS] = from[i * row];
      if (i % TILE_ROWS == TILE_ROWS - 1) out += (size_t)depth * TILE_ROWS;
    }
  }
}

typedef struct {
  const float *a;
  size_t row, step;
  const float *packed;
  float *c;
  int N, K;
  const float *bias, *residual;
  int relu;
  float *scratch;
} Product;

/** Rows [i0, i1), at most MC, and panels [p0, p1) of one product. */
static void block(const Product *x, int i0, int i1, int p0, int p1) {
  const size_t stride = (size_t)x->N;
  const int K = x->K, blocks = (K - 1) / KC + 1, most = (K - 1) / blocks + 1;
  for (int k0 = 0; k0 < K; k0 += most) {
    const int depth = most < K - k0 ? most : K - k0;
    const float *a = x->a + i0 * x->row + k0 * x->step;
    size_t row = x->row, step = x->step, tile_step = x->row * TILE_ROWS;
    if (step != 1) {
      pack_a(a, x->scratch, i1 - i0, depth, row, step);
      a = x->scratch;
      row = 1;
      step = TILE_ROWS;
      tile_step = (size_t)depth * TILE_ROWS;
    }
    for (int p = p0; p < p1; p++) {
      const size_t column = (size_t)p * PANEL;
      const float *b = x->packed + K * column + (size_t)k0 * PANEL;
      Target t = {.bias = k0 == 0 && x->bias ? x->bias + column : NULL, .stride = stride};
      t.columns = x->N - p * PANEL < PANEL ? x->N - p * PANEL : PANEL;
      t.relu = x->relu && k0 + depth >= K;
      t.c = x->c + i0 * stride + column;
      t.from = k0 > 0 ? t.c : x->residual ? x->residual + i0 * stride + column : NULL;
      t.from_stride = stride;
      if (t.columns > VL) wide_strip(i1 - i0, a, row, step, tile_step, b, depth, &t);
      else narrow_strip(i1 - i0, a, row, step, tile_step, b, depth, &t);
    }
  }
}

/** The last place of what strides span, plus 1. */
static double span(double n0, double stride0, double n1, double stride1, double n2, double stride2) {
  return (n0 - 1) * stride0 + (n1 - 1) * stride1 + (n2 - 1) * stride2 + 1;
}

/** Blocks [begin, end) of a [batch, rows / rowBlock, panels / colBlock] grid; see `gemm` of assembly/matmul.ts. */
KERNEL(gemm) {
  const int row = size_of(call, 4), step = size_of(call, 5), batch_stride = size_of(call, 6);
  const int b_batch = size_of(call, 8), M = size_of(call, 10), N = size_of(call, 11), K = size_of(call, 12);
  const int rows = whole(call, 16, 1, MC), columns = whole(call, 17, 1, 1 << 30);
  if (call->wrong || M == 0 || N == 0 || K == 0 || call->end == 0) return;
  const int panels = panels_of(N);
  const int row_blocks = (M - 1) / rows + 1, column_blocks = (panels - 1) / columns + 1;
  const double last_batch = (int)(((double)call->end - 1) / ((double)row_blocks * column_blocks));
  const float *a = floats(call, 3, span(last_batch + 1, batch_stride, M, row, K, step));
  const float *packed = floats(call, 7, ((double)b_batch * last_batch + panels) * K * PANEL);
  float *c = floats(call, 9, (last_batch + 1) * M * N);
  const float *bias = floats_or_none(call, 13, N);
  const int relu = whole(call, 14, 0, 1);
  const float *residual = floats_or_none(call, 15, (double)M * N);
  const double scratch_stride = whole(call, 19, 4 * SCRATCH_B, 2147483647.0);
  float *scratch = bytes_at(call, 18, call->numbers[18] + call->thread * scratch_stride, 4 * SCRATCH_B);
  if (residual && last_batch > 0) wrong_argument(call, 15);
  if (call->wrong) return;
  for (int item = call->begin; item < call->end; item++) {
    const int column = item % column_blocks, rest = item / column_blocks;
    const int i0 = rest % row_blocks * rows, p0 = column * columns;
    const size_t batch = rest / row_blocks;
    const Product product = {
        .a = a + batch * batch_stride, .row = row, .step = step, .packed = packed + batch * b_batch * K * PANEL,
        .c = c + batch * M * N, .N = N, .K = K, .bias = bias, .residual = residual, .relu = relu, .scratch = scratch};
    block(&product, i0, M - i0 < rows ? M : i0 + rows, p0, panels - p0 < columns ? panels : p0 + columns);
  }
}

/** Whole products [begin, end) of a batch, each B packed by the thread that needs it. */
KERNEL(gemmEach) {
  const int row = size_of(call, 4), step = size_of(call, 5), batch_stride = size_of(call, 6);
  const int k_stride = size_of(call, 8), n_stride = size_of(call, 9), b_batch = size_of(call, 10);
  const int M = size_of(call, 12), N = size_of(call, 13), K = size_of(call, 14);
  if (call->wrong || M == 0 || N == 0 || K == 0 || call->end == 0) return;
  const int panels = panels_of(N);
  const float *a = floats(call, 3, span(call->end, batch_stride, M, row, K, step));
  const float *b = floats(call, 7, span(call->end, b_batch, K, k_stride, N, n_stride));
  float *c = floats(call, 11, (double)call->end * M * N);
  const float *bias = floats_or_none(call, 15, N);
  const int relu = whole(call, 16, 0, 1);
  const double need = 4 * (SCRATCH_B + (double)panels * K * PANEL);
  const double scratch_stride = whole(call, 18, need, 2147483647.0);
  float *scratch = bytes_at(call, 17, call->numbers[17] + call->thread * scratch_stride, need);
  if (call->wrong) return;
  for (int item = call->begin; item < call->end; item++) {
    const size_t batch = item;
    JOIN(pack_panels, ISA)(b + batch * b_batch, scratch + SCRATCH_B, 0, panels, N, K, k_stride, n_stride);
    const Product product = {
        .a = a + batch * batch_stride, .row = row, .step = step, .packed = scratch + SCRATCH_B,
        .c = c + batch * M * N, .N = N, .K = K, .bias = bias, .relu = relu, .scratch = scratch};
    for (int i = 0; i < M; i += MC) block(&product, i, M - i < MC ? M : i + MC, 0, panels);
  }
}

/**
 * Groups [begin, end) of `group` panels of C = A·B + bias + residual, each panel of B packed by the thread that multiplies with
 * it, a block of depth at a time; the next is fetched meanwhile. See `gemmPanels` of assembly/matmul.ts.
 */
KERNEL(gemmPanels) {
  const int row = size_of(call, 4), k_stride = size_of(call, 6), n_stride = size_of(call, 7);
  const int M = size_of(call, 9), N = size_of(call, 10), K = size_of(call, 11), group = whole(call, 15, 1, 1 << 30);
  if (call->wrong || M == 0 || N == 0 || K == 0 || call->end == 0) return;
  const int panels = panels_of(N);
  if (call->end > (panels - 1) / group + 1) wrong_argument(call, 1);
  const float *a = floats(call, 3, span(1, 0, M, row, K, 1));
  const float *b = floats(call, 5, span(1, 0, K, k_stride, N, n_stride));
  float *c = floats(call, 8, (double)M * N);
  const float *bias = floats_or_none(call, 12, N);
  const int relu = whole(call, 13, 0, 1);
  const float *residual = floats_or_none(call, 14, (double)M * N);
  const double scratch_stride = whole(call, 17, 4 * KC * PANEL, 2147483647.0);
  float *packed = bytes_at(call, 16, call->numbers[16] + call->thread * scratch_stride, 4 * KC * PANEL);
  if (call->wrong) return;
  const int blocks = (K - 1) / KC + 1, most = (K - 1) / blocks + 1;
  const int last = call->end > (panels - 1) / group ? panels : call->end * group;
  for (int p = call->begin * group; p < last; p++) {
    const size_t column = (size_t)p * PANEL;
    const int columns = N - p * PANEL;
    const float *from = b + column * n_stride;
    for (int k0 = 0; k0 < K; k0 += most) {
      const int depth = most < K - k0 ? most : K - k0, ends = k0 + depth >= K;
      JOIN(pack_panels, ISA)(from + (size_t)k0 * k_stride, packed, 0, 1, columns, depth, k_stride, n_stride);
      Target t = {.bias = k0 == 0 && bias ? bias + column : NULL, .c = c + column, .stride = N, .from_stride = N};
      t.columns = columns < PANEL ? columns : PANEL;
      t.relu = relu && ends;
      t.from = k0 > 0 ? t.c : residual ? residual + column : NULL;
      t.next = lines_of(from + (ends ? PANEL * (size_t)n_stride : (size_t)(k0 + depth) * k_stride), k_stride, n_stride);
      if (t.columns <= VL) {
        narrow_strip(M, a + k0, row, 1, (size_t)row * TILE_ROWS, packed, depth, &t);
        continue;
      }
      int i = 0;
      if (M >= FETCHING_ROWS) {
        fetching_tile(a + k0, row, packed, depth, &t);
        i = FETCHING_ROWS;
        t.c += (size_t)i * N;
        if (t.from) t.from += (size_t)i * N;
      }
      wide_strip(M - i, a + (size_t)i * row + k0, row, 1, (size_t)row * TILE_ROWS, packed, depth, &t);
    }
  }
}
