// What the tiles of matmul.c read, after assembly/pack.ts: B in panels of PANEL columns ([k][PANEL], zeros beyond the last
// column), A in place or, where its columns are contiguous, in panels of TILE_ROWS rows ([k][TILE_ROWS]).
#pragma once
#include "simd.h"

#if VL == 16
#define PANEL 32
#define TILE_ROWS 12
#else
#define PANEL 16
#define TILE_ROWS 6
#endif

INLINE int panels_of(int N) { return N / PANEL + (N % PANEL != 0); }

/** Packs panels [begin, end) of B [K,N]; strides in floats. */
void JOIN(pack_panels, ISA)(
    const float *b, float *packed, int begin, int end, int N, int K, size_t k_stride, size_t n_stride);
