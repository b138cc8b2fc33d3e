// The kernels of this package by name, with the number of their own arguments.
#define ATTENTION_KERNELS(X) \
  X(attention, 1)            \
  X(attentionGrad, 1)        \
  X(attentionBiasGrad, 1)
