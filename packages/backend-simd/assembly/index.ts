export * from './elementwise';
export { gemvColumns, gemvRows } from './gemv';
export { gemm, gemmEach, packB } from './matmul';
export { gatherRows, scatterAdd, stridedCopy, transposePlanes } from './move';
export { reduceColumns, reduceRows } from './reduce';
export { argMax, crossEntropy, crossEntropyGrad, layerNorm, layerNormGrad, logSoftmax, softmax } from './rows';
export { adamw, dropout } from './train';
