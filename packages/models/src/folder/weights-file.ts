import type { WeightSource } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { openTorch } from '@blip2/tensor/torch';

const TORCH = /\.(pth|pt|bin|ckpt)$/i;

/** Opens a file of PyTorch by its ending, and any other file or folder as safetensors. Reads headers alone. */
export const openWeights = (path: string): Promise<WeightSource> =>
  TORCH.test(path) ? openTorch(path) : openSafetensors(path);
