export { SimdBackend, type SimdMemory } from './backend.js';
export type { KernelFunction, Kernels, NativeBuild } from './functions.js';
export { blockSize, type HeapStatistics } from './heap.js';
export { addKernel, type KernelCall, loadKernels, withScratch } from './kit.js';
export type { KernelUrls, WasmSource } from './modules.js';
export type { Agreement } from './native.js';
export { type RegisterOptions, register } from './register.js';
export type { OpStatistic } from './statistics.js';
