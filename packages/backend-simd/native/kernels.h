// The kernels of this package by name, with the number of their own arguments.
#define BACKEND_KERNELS(X) \
  X(packB, 7)              \
  X(gemm, 17)              \
  X(gemmEach, 16)          \
  X(gemmPanels, 15)        \
  X(gemvRows, 8)           \
  X(gemvColumns, 8)        \
  X(gelu, 3)               \
  X(geluGrad, 4)           \
  X(gated, 4)              \
  X(gatedGrad, 6)

/** Those that memory bounds, so that longer vectors than AVX2's gain nothing. */
#define STREAMING_KERNELS(X) \
  X(adamw, 14)               \
  X(quantizeActivations, 5)  \
  X(halfProduct, 9)

/** Those that have a build of their own for processors with dot products of whole numbers (VNNI). */
#define VNNI_KERNELS(X) X(quantizedProduct, 10)
