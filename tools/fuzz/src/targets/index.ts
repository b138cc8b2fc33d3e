import type { Target } from '../target.js';

/** Each is loaded when it is wanted: a worker has one. */
export const targets: Readonly<Record<string, () => Promise<Target>>> = {
  safetensors: async () => (await import('./safetensors.js')).safetensors,
  gguf: async () => (await import('./gguf.js')).gguf,
  torch: async () => (await import('./torch.js')).torch,
  quantized: async () => (await import('./quantized.js')).quantized,
  tokenizer: async () => (await import('./tokenizer.js')).tokenizer,
  config: async () => (await import('./config.js')).config,
  image: async () => (await import('./image.js')).image,
  dataset: async () => (await import('./dataset.js')).dataset,
  native: async () => (await import('./native.js')).native,
};
