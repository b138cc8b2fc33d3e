// The kernels of this package by name, with the number of their own arguments.
#define ATTENTION_KERNELS(X)
