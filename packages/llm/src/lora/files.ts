import type { Flat, WeightSource } from '@blip2/tensor';
import { loraPairs } from './apply.js';
import { type LoraConfig, loraScale } from './config.js';

/** What PEFT puts before the names of a model's tensors. */
const PEFT = 'base_model.model.';

/** Gives the name of an adapter's tensor in PEFT's `adapter_model.safetensors`. */
export const peftName = (path: string, prefix = ''): string => `${PEFT}${prefix}${path}`;

/** Adapters of PEFT: an open `adapter_model.safetensors` and its configuration. */
export interface LoraFiles {
  readonly source: WeightSource;
  readonly config: LoraConfig;
}

/** A and B of each adapter, by the name of its layer's weight in the whole model. */
function adaptersOf({ source }: LoraFiles) {
  const named = [...source.names].map(([name, info]) => {
    if (!name.startsWith(PEFT)) throw new Error(`${source.origin} has '${name}', which is not named as by PEFT.`);
    return [name.slice(PEFT.length), { ...info, name }] as const;
  });
  return loraPairs(named);
}

/** The adapter of a layer in a file. */
export interface StoredAdapter {
  /** The path of the layer, without the prefix of the adapters' model. */
  readonly path: string;
  /** The names of its tensors in the file: [rank,input] and [output,rank]. */
  readonly A: string;
  readonly B: string;
  readonly sizes: readonly [output: number, rank: number, input: number];
}

/**
 * Finds the layers that adapters are of.
 * @param base the weights of the model that the adapters are of
 * @param prefix what stands before the names of the language model within a whole model: `base` or the adapters may be of either
 * @returns by the name of the layer's weight in `base`
 * @throws for adapters of layers that the model has not, or in other shapes
 */
export function storedAdapters(
  base: Pick<WeightSource, 'names' | 'origin'>,
  files: LoraFiles,
  prefix = 'language_model.',
): ReadonlyMap<string, StoredAdapter> {
  const found = new Map<string, StoredAdapter>();
  for (const [path, { A, B }] of adaptersOf(files)) {
    const within = path.startsWith(prefix) ? path.slice(prefix.length) : path;
    const names = [path, prefix + path, within].map((one) => `${one}.weight`);
    const name = names.find((one) => base.names.has(one)) ?? (names[0] as string);
    const shape = base.names.get(name)?.shape;
    const [output, rank] = B.shape as [number, number];
    const input = A.shape[1] as number;
    if (shape?.length !== 2 || shape[0] !== output || shape[1] !== input) {
      const has = shape ? `is [${shape}]` : 'is missing';
      throw new Error(
        `The adapter of '${path}' in ${files.source.origin} is of a layer [${output},${input}], and that of ${base.origin} ${has}; give the model that it was trained with.`,
      );
    }
    found.set(name, { path: within, A: A.name, B: B.name, sizes: [output, rank, input] });
  }
  return found;
}

/**
 * Reads how much each layer's weight changes when adapters are merged: `scale B A`.
 * @param base the weights of the model that the adapters are of
 * @param prefix what stands before the names of the language model within a whole model: `base` or the adapters may be of either
 * @returns by the name of the weight, a function that adds the change to values [output,input] in place
 * @throws for adapters of layers that the model has not, or in other shapes
 */
export function loraChanges(
  base: Pick<WeightSource, 'names' | 'origin'>,
  files: LoraFiles,
  prefix = 'language_model.',
): ReadonlyMap<string, (values: Float32Array) => Promise<void>> {
  const { source, config } = files;
  const changes = new Map<string, (values: Float32Array) => Promise<void>>();
  for (const [name, { A, B, sizes }] of storedAdapters(base, files, prefix)) {
    changes.set(name, async (values) => {
      const [down, up] = [await source.read(A), await source.read(B)];
      addProduct(values, { down, up, scale: loraScale(config, sizes[1]), sizes });
    });
  }
  return changes;
}

interface Product {
  readonly down: Float32Array;
  readonly up: Float32Array;
  readonly scale: number;
  readonly sizes: readonly [output: number, rank: number, input: number];
}

/** `values += scale up down` */
function addProduct(values: Float32Array, { down, up, scale, sizes: [output, rank, input] }: Product): void {
  for (let o = 0; o < output; o++) {
    for (let r = 0; r < rank; r++) {
      const factor = scale * (up[o * rank + r] as number);
      for (let i = 0; i < input; i++) {
        values[o * input + i] = (values[o * input + i] as number) + factor * (down[r * input + i] as number);
      }
    }
  }
}

/** Names adapters as PEFT's `adapter_model.safetensors` has them. */
export const peftTensors = (adapters: Flat, prefix = ''): Flat =>
  Object.fromEntries(Object.entries(adapters).map(([path, tensor]) => [peftName(path, prefix), tensor]));
