#include "call.h"

int32_t whole(Call *call, int place, double least, double most) {
  double x = call->numbers[place];
  if (!(x >= least && x <= most)) return wrong_argument(call, place);
  int64_t n = (int64_t)x;
  return (double)n == x ? (int32_t)n : wrong_argument(call, place);
}

void *bytes_at(Call *call, int place, double address, double bytes) {
  if (!(address >= 0 && bytes >= 0 && address + bytes + OVERHANG <= (double)call->size)) {
    wrong_argument(call, place);
    return NULL;
  }
  uint64_t n = (uint64_t)address;
  if ((double)n != address || n % 4) {
    wrong_argument(call, place);
    return NULL;
  }
  return call->base + n;
}
