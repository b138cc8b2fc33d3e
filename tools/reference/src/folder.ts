import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { WeightSource } from '@blip2/tensor';
import { openWeights } from '@blip2/tensor/files';
import { openSafetensors } from '@blip2/tensor/safetensors';
import * as tf from '@tensorflow/tfjs';
import { type Json, readJson } from './json.js';

/** A folder of golden values, with the model that they are of. */
export interface Folder {
  readonly path: string;
  /** Where its images are. */
  readonly photos: string;
  readonly golden: Json;
  readonly tensors: WeightSource;
  readonly model: WeightSource;
  /** A golden tensor with its own shape; integers are int32. The scope frees it. */
  tensor<T extends tf.Tensor>(name: string): Promise<T>;
  /** Images: [B,3,H,W] in the file -> [B,H,W,3]. */
  images(name: string): Promise<tf.Tensor4D>;
  close(): Promise<void>;
}

export const GOLDEN = 'golden.json';
/** The weights of a language model, with its configuration and its tokenizer. */
export const GGUF = 'model.gguf';

export async function openFolder(path: string, photos?: string): Promise<Folder> {
  const golden = readJson(join(path, GOLDEN));
  const tensors = await openSafetensors(join(path, 'golden.safetensors'));
  const packed = join(path, GGUF);
  const opened = kindOf(golden) === 'real' ? noModel(path) : undefined;
  const model = await (opened ?? (existsSync(packed) ? openWeights(packed) : openSafetensors(path))).catch(
    async (error: unknown) => {
      await tensors.close();
      throw error;
    },
  );
  const tensor = async <T extends tf.Tensor>(name: string): Promise<T> => {
    const info = tensors.names.get(name);
    if (!info) throw new Error(`golden.safetensors has no '${name}', which this kind of folder needs.`);
    return tf.tensor(await tensors.read(name), [...info.shape], /^[IU]\d/.test(info.dtype) ? 'int32' : 'float32') as T;
  };
  return {
    path,
    photos: photos ?? join(resolve(path), '..', 'photos'),
    golden,
    tensors,
    model,
    tensor,
    images: async (name) => tf.transpose(await tensor<tf.Tensor4D>(name), [0, 2, 3, 1]),
    close: async () => {
      await Promise.all([tensors.close(), model.close()]);
    },
  };
}

/** In place of the weights of a folder that is about models elsewhere. */
const noModel = async (origin: string): Promise<WeightSource> => ({
  origin,
  names: new Map(),
  read: async (name) => {
    throw new Error(`There is no tensor '${name}' in ${origin}.`);
  },
  close: async () => {},
});

/** What a folder is: its `kind`, or for folders without one, what its fields say. */
export function kindOf(golden: Json): string {
  if (typeof golden.kind === 'string') return golden.kind;
  if ('curve' in golden && 'optimiser' in golden) return 'stage1';
  if ('family' in golden) return 'encoder';
  if ('texts' in golden) return 'itm';
  return 'unknown';
}

export const titleOf = (path: string): string => basename(resolve(path));
