// What compilers call for copies, where no C library is linked: so that one file serves every libc of a system.
#ifdef FREESTANDING
#include <stddef.h>

/** What one instruction moves, wherever it lies. */
typedef char Chunk __attribute__((vector_size(16), aligned(1), may_alias));

__attribute__((visibility("hidden"))) void *memcpy(void *restrict to, const void *restrict from, size_t n);
__attribute__((visibility("hidden"))) void *memset(void *to, int byte, size_t n);

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  char *t = to;
  const char *f = from;
  for (; n >= sizeof(Chunk); n -= sizeof(Chunk)) {
    *(Chunk *)t = *(const Chunk *)f;
    t += sizeof(Chunk), f += sizeof(Chunk);
  }
  while (n--) *t++ = *f++;
  return to;
}

void *memset(void *to, int byte, size_t n) {
  char *t = to;
  const Chunk all = (Chunk){0} + (char)byte;
  for (; n >= sizeof(Chunk); n -= sizeof(Chunk)) {
    *(Chunk *)t = all;
    t += sizeof(Chunk);
  }
  while (n--) *t++ = (char)byte;
  return to;
}

#if defined(_WIN32)
/**
 * Compilers call it before a frame of more than a page, with its size in rax: Windows gives a stack its next page when the one
 * above it is touched. All registers stay.
 */
__asm__(
    ".globl ___chkstk_ms\n"
    "___chkstk_ms:\n"
    "  pushq %rcx\n"
    "  pushq %rax\n"
    "  leaq 24(%rsp), %rcx\n" // where the frame begins
    "0:\n"
    "  cmpq $4096, %rax\n"
    "  jbe 1f\n"
    "  subq $4096, %rcx\n"
    "  orb $0, (%rcx)\n"
    "  subq $4096, %rax\n"
    "  jmp 0b\n"
    "1:\n"
    "  subq %rax, %rcx\n"
    "  orb $0, (%rcx)\n"
    "  popq %rax\n"
    "  popq %rcx\n"
    "  ret\n");

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
