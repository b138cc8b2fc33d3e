// The Node-API addon: it gives out the kernels, bound to a heap, and checks every call before a kernel sees it. Threads load
// it into the same process, so what it knows of a heap, one of them tells and all use.
#include "napi.h"
#include "call.h"
#include "kernels.h"
#include "../../attention/native/kernels.h"

/** Changes with the arguments of a kernel or of the addon's own functions; see src/native.ts. */
#define ABI 3

#define COMMON_KERNELS(X) BACKEND_KERNELS(X) ATTENTION_KERNELS(X)
#define EACH_KERNEL(X) COMMON_KERNELS(X) STREAMING_KERNELS(X) VNNI_KERNELS(X)

typedef struct {
  const char *name;
  int arity;
  Kernel *run;
} Entry;

typedef struct {
  const char *name;
  /** Columns of a panel of packed B, and rows of a tile; pack.h. */
  int panel, rows;
  /** Nanoseconds of a multiply-add, about. */
  double cost;
  const Entry *entries;
} Build;

#define ENTRIES(isa) \
  static const Entry ENTRIES_##isa[] = {EACH_KERNEL(ENTRY_##isa)};

#if defined(__x86_64__) || defined(_M_X64)
#define DECLARE_KERNEL(name, arity) extern Kernel name##_avx2, name##_avx512;
COMMON_KERNELS(DECLARE_KERNEL)
#define DECLARE_STREAMING(name, arity) extern Kernel name##_avx2;
STREAMING_KERNELS(DECLARE_STREAMING)
#define ENTRY_avx2(name, arity) {#name, arity, name##_avx2},
#define ENTRY_avx512(name, arity) {#name, arity, name##_avx512},
#define ENTRY_avx512vnni(name, arity) {#name, arity, name##_avx512vnni},
#define DECLARE_VNNI(name, arity) extern Kernel name##_avx2, name##_avx512vnni;
VNNI_KERNELS(DECLARE_VNNI)
ENTRIES(avx2)
static const Entry ENTRIES_avx512[] = {COMMON_KERNELS(ENTRY_avx512) STREAMING_KERNELS(ENTRY_avx2) VNNI_KERNELS(ENTRY_avx2)};
static const Entry ENTRIES_avx512vnni[] = {COMMON_KERNELS(ENTRY_avx512) STREAMING_KERNELS(ENTRY_avx2) VNNI_KERNELS(ENTRY_avx512vnni)};
static const Build BUILDS[] = {
    {"avx512vnni", 32, 12, 0.012, ENTRIES_avx512vnni},
    {"avx512", 32, 12, 0.012, ENTRIES_avx512},
    {"avx2", 16, 6, 0.024, ENTRIES_avx2},
};

#include <cpuid.h>
/** Whether processor and system have what a build needs. Not __builtin_cpu_supports, which some compilers answer with no. */
static bool runs(int build) {
  unsigned a, b, c, d, features, low, high;
  if (!__get_cpuid(1, &a, &b, &features, &d)) return false;
  const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
  if ((features & (fma | osxsave | avx | f16c)) != (fma | osxsave | avx | f16c)) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const unsigned more = c;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  const unsigned vnni = 1u << 11; // of ECX
  const unsigned avx2 = 1u << 5, f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
  if ((low & 0x06) != 0x06 || !(b & avx2)) return false;
  if (build == 0 && !(more & vnni)) return false;
  return build == 2 || ((low & 0xe6) == 0xe6 && (b & (f | dq | bw | vl)) == (f | dq | bw | vl));
}
#else
#define DECLARE_KERNEL(name, arity) extern Kernel name##_neon;
EACH_KERNEL(DECLARE_KERNEL)
#define ENTRY_neon(name, arity) {#name, arity, name##_neon},
ENTRIES(neon)
static const Build BUILDS[] = {{"neon", 16, 6, 0.05, ENTRIES_neon}};
static bool runs(int build) { return build == 0; }
#endif

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define KERNELS COUNT(((Entry[]){EACH_KERNEL(COUNTED)}))
#define COUNTED(name, arity) {#name, arity, NULL},

/** Heaps by their addresses; a size of 0 is a free place. */
typedef struct {
  char *base;
  uint64_t size;
} Heap;
static Heap heaps[256];
static bool locked;

static void lock(void) {
  while (__atomic_test_and_set(&locked, __ATOMIC_ACQUIRE)) {
  }
}
static void unlock(void) { __atomic_clear(&locked, __ATOMIC_RELEASE); }

/** The place of the heap at `base`, or a free one, or -1. */
static int place_of(const char *base) {
  int free = -1;
  for (int i = COUNT(heaps) - 1; i >= 0; i--) {
    if (heaps[i].size && heaps[i].base == base) return i;
    if (!heaps[i].size) free = i;
  }
  return free;
}

static void text(char **to, const char *s) {
  while (*s) *(*to)++ = *s++;
  **to = 0;
}

static napi_value refuse(napi_env env, const char *kernel, int place) {
  char message[160], *to = message;
  text(&to, "Argument ");
  if (place >= 10) *to++ = (char)('0' + place / 10);
  *to++ = (char)('0' + place % 10);
  text(&to, " of the native kernel ");
  text(&to, kernel);
  text(&to, " is out of range, or reaches beyond the heap.");
  napi_throw_range_error(env, NULL, message);
  return NULL;
}

#define OWN 3 // begin, end, thread
#define MOST_ARGUMENTS 32

/** A kernel's function in JavaScript; its data says which kernel of which build on which heap. */
static napi_value invoke(napi_env env, napi_callback_info info) {
  napi_value values[MOST_ARGUMENTS];
  double numbers[MOST_ARGUMENTS];
  size_t count = MOST_ARGUMENTS;
  void *data;
  if (napi_get_cb_info(env, info, &count, values, NULL, &data)) return NULL;
  const uintptr_t code = (uintptr_t)data;
  const Entry *entry = &BUILDS[code >> 16].entries[code & 0xff];
  const Heap *heap = &heaps[(code >> 8) & 0xff];
  if (count != (size_t)(OWN + entry->arity)) return refuse(env, entry->name, (int)(count < 99 ? count : 99));
  for (size_t i = 0; i < count; i++) {
    if (napi_get_value_double(env, values[i], &numbers[i])) return refuse(env, entry->name, (int)i);
  }
  Call call = {.base = heap->base, .size = __atomic_load_n(&heap->size, __ATOMIC_ACQUIRE), .numbers = numbers};
  call.begin = whole(&call, 0, 0, 2147483647.0);
  call.end = whole(&call, 1, call.begin, 2147483647.0);
  call.thread = whole(&call, 2, 0, 63);
  if (numbers[0] != call.begin) return refuse(env, entry->name, 0);
  if (call.wrong) return refuse(env, entry->name, call.wrong);
  entry->run(&call);
  return call.wrong ? refuse(env, entry->name, call.wrong) : NULL;
}

/** The bytes of the Uint8Array that is the first argument. */
static bool bytes_of(napi_env env, napi_value value, char **base, uint64_t *size) {
  bool is = false;
  int type;
  size_t length;
  void *data;
  if (napi_is_typedarray(env, value, &is) || !is) return false;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) || type != 1 || !data) return false;
  *base = data;
  *size = length;
  return true;
}

/** The number of the build of that name, or of the best that runs where the name is empty; -1 for none. */
static int build_of(const char *name) {
  for (int b = 0; b < COUNT(BUILDS); b++) {
    const char *x = name, *y = BUILDS[b].name;
    while (*x && *x == *y) x++, y++;
    if ((!*name || (!*x && !*y)) && runs(b)) return b;
  }
  return -1;
}

static void set(napi_env env, napi_value object, const char *name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

static void set_number(napi_env env, napi_value object, const char *name, double x) {
  napi_value value;
  if (!napi_create_double(env, x, &value)) set(env, object, name, value);
}

/**
 * Asks Linux for pages of 2 MiB: weights are read once a token, and finding their places in pages of 4 KiB takes a good part of the
 * time. It is advice alone, so that what it answers does not matter.
 */
static void in_large_pages(char *base, uint64_t size) {
#if defined(__linux__) && defined(__x86_64__)
  enum { HUGEPAGE = 14, LARGE = 1 << 21 };
  const uintptr_t from = ((uintptr_t)base + LARGE - 1) & ~(uintptr_t)(LARGE - 1), to = ((uintptr_t)base + size) & ~(uintptr_t)(LARGE - 1);
  if (to <= from) return;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(28L), "D"(from), "S"(to - from), "d"((long)HUGEPAGE) : "rcx", "r11", "memory");
#else
  (void)base, (void)size;
#endif
}

/** The data of the function `attach`, by which it differs from `join`. */
static char owner;

/**
 * attach(heap: Uint8Array, build: string): { build, panel, rows, cost, functions }, or undefined where no build of that name
 * runs here. join() is the same in other threads, for a heap that is attached: its size may have changed since. The address of the heap is kept, but no reference, which would keep the heap alive: whoever holds the functions
 * has to hold it.
 */
static napi_value attach(napi_env env, napi_callback_info info) {
  napi_value values[2], result, functions, value;
  size_t count = 2;
  char *base, name[16] = "";
  uint64_t size;
  void *data;
  if (napi_get_cb_info(env, info, &count, values, NULL, &data)) return NULL;
  if (count < 2 || !bytes_of(env, values[0], &base, &size) ||
      napi_get_value_string_utf8(env, values[1], name, sizeof name, NULL)) {
    napi_throw_type_error(env, NULL, "attach needs a Uint8Array of the heap and the name of a build.");
    return NULL;
  }
  const int build = build_of(name);
  if (build < 0) return NULL;
  lock();
  int place = place_of(base);
  if (data == &owner && place >= 0) {
    heaps[place].base = base;
    in_large_pages(base, size);
    __atomic_store_n(&heaps[place].size, size, __ATOMIC_RELEASE);
  }
  if (place >= 0 && !heaps[place].size) place = -1;
  unlock();
  if (place < 0) return NULL;
  const Build *b = &BUILDS[build];
  if (napi_create_object(env, &result) || napi_create_object(env, &functions)) return NULL;
  if (!napi_create_string_utf8(env, b->name, (size_t)-1, &value)) set(env, result, "build", value);
  set_number(env, result, "panel", b->panel);
  set_number(env, result, "rows", b->rows);
  set_number(env, result, "cost", b->cost);
  set(env, result, "functions", functions);
  for (int i = 0; i < KERNELS; i++) {
    void *code = (void *)((uintptr_t)build << 16 | (uintptr_t)place << 8 | (uintptr_t)i);
    const char *kernel = b->entries[i].name;
    if (!napi_create_function(env, kernel, (size_t)-1, invoke, code, &value)) set(env, functions, kernel, value);
  }
  return result;
}

/** resize(heap: Uint8Array, bytes: number): says how large an attached heap is now; 0 detaches it. */
static napi_value resize(napi_env env, napi_callback_info info) {
  napi_value values[2];
  size_t count = 2;
  char *base;
  uint64_t size;
  double bytes = -1;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL)) return NULL;
  if (count < 2 || !bytes_of(env, values[0], &base, &size) || napi_get_value_double(env, values[1], &bytes) ||
      !(bytes >= 0 && bytes <= (double)size)) {
    napi_throw_type_error(env, NULL, "resize needs a Uint8Array of the heap and not more bytes than it has.");
    return NULL;
  }
  lock();
  const int place = place_of(base);
  if (place >= 0 && heaps[place].size) {
    in_large_pages(base, (uint64_t)bytes);
    __atomic_store_n(&heaps[place].size, (uint64_t)bytes, __ATOMIC_RELEASE);
  }
  unlock();
  return NULL;
}

EXPORTED napi_value napi_register_module_v1(napi_env env, napi_value exports);
EXPORTED napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  if (!find_node_api()) return exports;
  napi_value value;
  set_number(env, exports, "abi", ABI);
  if (!napi_create_function(env, "attach", (size_t)-1, attach, &owner, &value)) set(env, exports, "attach", value);
  if (!napi_create_function(env, "join", (size_t)-1, attach, NULL, &value)) set(env, exports, "join", value);
  if (!napi_create_function(env, "resize", (size_t)-1, resize, NULL, &value)) set(env, exports, "resize", value);
  return exports;
}
