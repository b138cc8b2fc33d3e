// What compilers call for copies, where no C library is linked: so that one file serves every libc of a system.
#ifdef FREESTANDING
#include <stddef.h>

__attribute__((visibility("hidden"))) void *memcpy(void *restrict to, const void *restrict from, size_t n);
__attribute__((visibility("hidden"))) void *memset(void *to, int byte, size_t n);

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  char *t = to;
  const char *f = from;
  while (n--) *t++ = *f++;
  return to;
}

void *memset(void *to, int byte, size_t n) {
  char *t = to;
  while (n--) *t++ = (char)byte;
  return to;
}

#if defined(_WIN32)
/** Where the system enters the library. */
int __stdcall DllMainCRTStartup(void *library, unsigned reason, void *reserved);
int __stdcall DllMainCRTStartup(void *library, unsigned reason, void *reserved) {
  (void)library, (void)reason, (void)reserved;
  return 1;
}
#endif
#else
typedef int not_empty;
#endif
