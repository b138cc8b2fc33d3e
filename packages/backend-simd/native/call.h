// A call from JavaScript: numbers whose every use as an address or a size is checked here first, as a wrong one would
// otherwise read or write memory of the process.
#pragma once
#include <stddef.h>
#include <stdint.h>

// No C library need be there.
#define memcpy __builtin_memcpy
#define memset __builtin_memset

#define INLINE static inline __attribute__((always_inline, unused))

/** Bytes that kernels may read past the end of what they work on, within the heap. */
#define OVERHANG 256

typedef struct {
  char *base;
  /** Bytes of the heap. */
  uint64_t size;
  /** begin, end, thread, and the kernel's own; begin and end are whole, 0 <= begin <= end, and 0 <= thread < 64. */
  const double *numbers;
  int32_t begin, end, thread;
  /** The place of the first argument that was wrong, 0 where all are right. */
  int wrong;
} Call;

/** Computes items [begin, end), or sets `wrong` and computes nothing. */
typedef void Kernel(Call *call);
#define KERNEL(name) void JOIN(name, ISA)(Call * call)

static inline int32_t wrong_argument(Call *call, int place) {
  if (!call->wrong) call->wrong = place;
  return 0;
}

/** A whole number in [least, most]. */
int32_t whole(Call *call, int place, double least, double most);

/** A size: a whole number that is not negative. */
static inline int32_t size_of(Call *call, int place) { return whole(call, place, 0, 2147483647.0); }

/** The first of `bytes` bytes of the heap; NULL where there are not as many. In floating point nothing overflows. */
void *bytes_at(Call *call, int place, double address, double bytes);

/** The first of `count` floats at the address that is an argument. */
static inline float *floats(Call *call, int place, double count) {
  return bytes_at(call, place, call->numbers[place], 4 * count);
}

/** The same, or NULL where the address is 0. */
static inline float *floats_or_none(Call *call, int place, double count) {
  return call->numbers[place] == 0 ? NULL : floats(call, place, count);
}
