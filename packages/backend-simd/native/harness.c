// Prints a digest of what each kernel computes, for processors that Node does not run on here: build.js --harness compiles it
// for two instruction sets, of which one runs under an emulator, and their lines have to be the same. The numbers of the
// kernels' arguments are those of tools/fuzz/src/targets/native.ts.
#ifdef HARNESS
#include <stdio.h>
#include <stdlib.h>
#include "call.h"
#include "kernels.h"
#include "../../attention/native/kernels.h"
#include "simd.h"

#define SIZE (4 << 20)
#define X 0x10000
#define Y 0x60000
#define Z 0xa0000
#define W 0xe0000
#define SCRATCH 0x200000

static char heap[SIZE] __attribute__((aligned(64)));

/** A kernel with its arguments after begin, end and thread, and the floats of the output that count. */
typedef struct {
  const char *name;
  Kernel *run;
  int end;
  double numbers[20];
  int at, count;
} Case;

#define DECLARE_KERNEL(name, arity) extern Kernel JOIN(name, ISA);
BACKEND_KERNELS(DECLARE_KERNEL)
STREAMING_KERNELS(DECLARE_KERNEL)
ATTENTION_KERNELS(DECLARE_KERNEL)
VNNI_KERNELS(DECLARE_KERNEL)
#define OF(name) #name, JOIN(name, ISA)

static const Case CASES[] = {
    {OF(packB), 4, {X, Z, 20, 9, 20, 1, 180}, Z, 4 * 16 * 9},
    {OF(packB), 3, {X, Z, 40, 13, 1, 13, 0}, Z, 3 * 16 * 13},
    {OF(gemm), 12, {X, 770, 1, 0, Z, 0, Y, 45, 45, 770, W, 1, 0, 12, 1, SCRATCH, 400000}, Y, 45 * 45},
    {OF(gemm), 3, {X, 1, 31, 0, Z, 0, Y, 31, 45, 33, 0, 0, W, 96, 1, SCRATCH, 400000}, Y, 31 * 45},
    {OF(gemmEach), 3, {X, 9, 1, 99, Z, 24, 1, 216, Y, 11, 24, 9, 0, 0, SCRATCH, 700000}, Y, 3 * 11 * 24},
    {OF(gemmPanels), 1, {X, 770, Z, 1, 770, Y, 27, 45, 770, W, 0, X, 8, SCRATCH, 400000}, Y, 27 * 45},
    {OF(gemmPanels), 1, {X, 33, Z, 31, 1, Y, 14, 31, 33, 0, 1, 0, 2, SCRATCH, 400000}, Y, 14 * 31},
    {OF(gemvRows), 5, {X, W, Y, 7, 10, 33, Z, 0}, Y, 70},
    {OF(gemvRows), 5, {X, W, Y, 1, 9, 50, 0, 1}, Y, 9},
    {OF(gemvColumns), 2, {X, W, Y, 2, 701, 14, 0, 1}, Y, 1402},
    {OF(gelu), 9, {0, X, Y}, Y, 36},
    {OF(gelu), 9, {1, X, Y}, Y, 36},
    {OF(geluGrad), 9, {0, X, Z, Y}, Y, 36},
    {OF(geluGrad), 9, {2, X, Z, Y}, Y, 36},
    {OF(gated), 9, {3, X, Z, Y}, Y, 36},
    {OF(gatedGrad), 9, {1, X, Z, W, Y, Y + 4096}, Y, 36},
    {OF(adamw), 9, {X, Z, W, Y, 0, 0.9, 0.1, 0.98, 0.02, 1e-3, 1.1, 1e-8, 0.99, 1}, X, 36},
    {OF(quantizeActivations), 5, {X, Y, 5, 77, SCRATCH}, Y, 5 * 3 * 11},
    {OF(halfProduct), 19, {0, W, X, Y, 3, 19, 77, Z, 0}, Y, 3 * 19},
    {OF(halfProduct), 19, {1, W, X, Y, 1, 19, 64, 0, Z}, Y, 19},
    {OF(quantizedProduct), 2, {0, W, Z, X, Y, 3, 51, 77, Z, 0}, Y, 3 * 51},
    {OF(quantizedProduct), 2, {0, W, Z, X, Y, 6, 51, 77, 0, Z}, Y, 6 * 51},
    {OF(quantizedProduct), 2, {1, W, 0, X, Y, 2, 51, 96, Z, 0}, Y, 2 * 51},
    {OF(quantizedProduct), 2, {1, W, 0, X, Y, 5, 51, 96, Z, 0}, Y, 5 * 51},
    {OF(quantizedProduct), 2, {2, W, 0, X, Y, 2, 51, 96, Z, 0}, Y, 2 * 51},
    {OF(quantizedProduct), 2, {2, W, 0, X, Y, 5, 51, 96, Z, 0}, Y, 5 * 51},
    {OF(quantizedProduct), 2, {3, W, 0, X, Y, 2, 51, 96, Z, 0}, Y, 2 * 51},
    {OF(quantizedProduct), 2, {3, W, 0, X, Y, 5, 51, 96, Z, 0}, Y, 5 * 51},
    {OF(quantizedProduct), 2, {4, W, 0, X, Y, 2, 51, 768, Z, 0}, Y, 2 * 51},
    {OF(quantizedProduct), 2, {4, W, 0, X, Y, 5, 51, 768, Z, 0}, Y, 5 * 51},
    {OF(quantizedProduct), 2, {5, W, 0, X, Y, 2, 51, 768, Z, 0}, Y, 2 * 51},
    {OF(quantizedProduct), 2, {5, W, 0, X, Y, 5, 51, 768, Z, 0}, Y, 5 * 51},
    {OF(attention), 4, {4096}, Y, 2 * 29 * 34},
    {OF(attentionGrad), 2, {4096}, Y, 12288},
    {OF(attentionGrad), 2, {4096}, Z, 2 * 1537},
    {OF(attentionBiasGrad), 2, {4096}, Z, 2 * 1537},
};

/** Two rows and heads, 29 queries, 53 keys, width 17, with a bias, dropout and the future. */
static const int32_t PROBLEM[] = {
    X, X + 0x8000, X + 0x10000, W, Y, Y + 0x4000, Y + 0x8000, Z, 0, 0, 0, 0, 0, W + 0x10000, 0, 1537, 53, 1, 0, 0, 0,
    2, 2, 2, 1, 29, 53, 53, 17, 0x3f000000, 5, 0x40000000, 0x3faaaaab, 24, 32, 32, 0, 1, 2, SCRATCH, 0x40000,
    128, 0x2000, 0x4000, 0x5000, 0x6000, 0x7000, 0x8000, 0x9000, 0xa000, 0xc000, 0xe000, 0x10000};

static void fill(void) {
  uint32_t state = 1;
  float *floats = (float *)heap;
  for (int i = 0; i < SIZE / 4; i++) {
    state = state * 1664525u + 1013904223u;
    floats[i] = (float)(int32_t)state / (1 << 29);
  }
  for (int i = 0; i < 64; i++) ((float *)(heap + Y))[i] = i / 7.0f; // second moments
  memcpy(heap + 4096, PROBLEM, sizeof PROBLEM);
}

int main(void) {
  for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
    fill();
    double numbers[24] = {0, CASES[c].end, 0};
    for (int i = 0; i < 20; i++) numbers[3 + i] = CASES[c].numbers[i];
    if (CASES[c].run == JOIN(attention, ISA)) ((int32_t *)(heap + 4096))[3] = Y; // the forward kernel writes y
    Call call = {heap, SIZE, numbers, 0, CASES[c].end, 0, 0};
    CASES[c].run(&call);
    uint32_t digest = 2166136261u;
    for (int i = 0; i < 4 * CASES[c].count; i++) digest = (digest ^ (uint8_t)heap[CASES[c].at + i]) * 16777619u;
    printf("%s %zu %s %08x\n", CASES[c].name, c, call.wrong ? "refused" : "computed", digest);
  }
  return 0;
}
#else
typedef int not_empty;
#endif
