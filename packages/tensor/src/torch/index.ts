export { TorchError } from './errors.js';
export { type OpenTorchOptions, openTorch, type TorchSource } from './open.js';
