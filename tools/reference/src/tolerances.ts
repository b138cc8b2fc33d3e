import type { Tolerance } from './row.js';

/** Activations and losses: 1e-4, and where numbers are above 10, as many digits as float32 keeps over a few layers. */
export const activations: Tolerance = (largest) => Math.max(1e-4, 1e-5 * largest);

/** Gradients: a thousandth of the tensor's largest element, and a millionth. */
export const gradients: Tolerance = (largest) => 1e-3 * largest + 1e-6;

/**
 * Softmax does not see key biases, so their gradients are nothing but rounding noise: they are measured by the gradient of
 * the keys' weights beside them.
 */
export const isKeyBias = (name: string): boolean => /\.(key|k_proj)\.bias$/.test(name);

/** Logits of T5, whose attention is not scaled, which amplifies rounding. */
export const unscaled: Tolerance = (largest) => Math.max(1e-3, 1e-5 * largest);
