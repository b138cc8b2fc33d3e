import type { Flat, WeightSource } from '@blip2/tensor';
import { isFile, join, openWeights, readJson, toPath } from '@blip2/tensor/files';
import {
  float32ToBfloat16,
  float32ToFloat16,
  openSafetensors,
  type RawTensor,
  type SafetensorsSource,
} from '@blip2/tensor/safetensors';
import * as tf from '@tensorflow/tfjs';
import { type LoraConfig, readLoraConfig } from './config.js';
import { type LoraFiles, loraChanges, storedAdapters } from './files.js';

/** The files in which PEFT saves adapters. */
export const adapterFiles = { config: 'adapter_config.json', weights: 'adapter_model.safetensors' } as const;

/** The subfolder of a model's folder in which its adapters are saved: beside its config, transformers would load them unasked. */
export const ADAPTER_FOLDER = 'adapter';

/** Finds the folder of the LoRA adapters that belong to a model: its own, or its subfolder `adapter`. */
export async function adapterFolder(model: string): Promise<string | undefined> {
  for (const folder of [model, join(model, ADAPTER_FOLDER)]) {
    if (await isFile(join(folder, adapterFiles.config))) return folder;
  }
  return undefined;
}

/** The weights of a model's folder, as `openWeights` opens them; with `readRaw` where tensors can be read as they are stored. */
export type StoredWeights = WeightSource & Partial<Pick<SafetensorsSource, 'readRaw'>>;

/** Adapters of packed layers, which are not merged but computed beside them. */
export interface BesideAdapters {
  readonly config: LoraConfig;
  /** Reads them, by the names of `loraSpec`; the caller owns the tensors. */
  read(): Promise<Flat>;
}

/** Options of `mergeAdapter`. */
export interface AdapterOptions {
  /** Whether the adapters of packed layers are given in `beside`. Default false: such layers are unpacked. */
  readonly beside?: boolean | undefined;
}

/** The weights of a model with adapters merged into them. */
export type AdaptedWeights = StoredWeights & { readonly beside?: BesideAdapters | undefined };

/**
 * Gives the weights of a model with LoRA adapters of PEFT merged into them, `W + scale B A`, in the precision of the file.
 * The adapters are read as the weights are; closing the result closes both. Packed layers that have adapters become float32,
 * or stay packed as they are where `beside` is asked for, which then has their adapters.
 * @param base closed with the result, and where this fails
 * @param folder of the adapters: a path or a `file:` URL
 * @throws for a folder without adapters, variants of LoRA that cannot be merged, and adapters of another model
 */
export async function mergeAdapter(
  base: StoredWeights,
  folder: string | URL,
  options: AdapterOptions = {},
): Promise<AdaptedWeights> {
  try {
    return await withAdapter(base, toPath(folder), options);
  } catch (error) {
    await base.close();
    throw error;
  }
}

async function withAdapter(
  base: StoredWeights,
  path: string,
  { beside = false }: AdapterOptions,
): Promise<AdaptedWeights> {
  const json = await readJson(join(path, adapterFiles.config));
  if (!json)
    throw new Error(`There is no ${adapterFiles.config} in '${path}'; give a folder that PEFT or stage 2 has saved.`);
  const config = readLoraConfig(json, join(path, adapterFiles.config));
  const source = await openSafetensors(join(path, adapterFiles.weights));
  const close = async (): Promise<void> => {
    await Promise.all([base.close(), source.close()]);
  };
  try {
    const changes = loraChanges(base, { source, config });
    const read = async (name: string, target?: Float32Array): Promise<Float32Array> => {
      const values = await base.read(name, target);
      await changes.get(name)?.(values);
      return values;
    };
    const all = {
      ...(beside
        ? { ...base, beside: besideOf(base, { source, config }) }
        : unpacked(base, (name) => changes.has(name))),
      read,
      close,
    };
    const stored = 'readRaw' in base ? base.readRaw : undefined;
    if (!stored) return all;
    const readRaw = async (name: string): Promise<RawTensor> =>
      changes.has(name) ? rawOf(await read(name), await stored(name)) : stored(name);
    return { ...all, readRaw };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Weights of which some matrices are no longer packed. */
function unpacked(weights: StoredWeights, which: (name: string) => boolean): StoredWeights {
  const names = [...weights.names].map(([name, info]) =>
    which(name) && info.packed !== undefined
      ? ([name, { shape: info.shape, dtype: 'F32' }] as const)
      : ([name, info] as const),
  );
  const quantized = async (name: string) => (which(name) ? undefined : weights.quantized?.(name));
  return { ...weights, names: new Map(names), quantized };
}

/** The adapters of packed layers; undefined where there are none. */
function besideOf(base: StoredWeights, files: LoraFiles): BesideAdapters | undefined {
  const found = [...storedAdapters(base, files)];
  const packed = found.filter(([name]) => base.names.get(name)?.packed !== undefined).map(([, adapter]) => adapter);
  if (packed.length === 0) return undefined;
  const { source, config } = files;
  return {
    config,
    async read() {
      const tensors: Flat = {};
      try {
        for (const { path, A, B, sizes } of packed) {
          const [output, rank, input] = sizes;
          tensors[`${path}.lora_A.weight`] = tf.tensor2d(await source.read(A), [rank, input]);
          tensors[`${path}.lora_B.weight`] = tf.tensor2d(await source.read(B), [output, rank]);
        }
        return tensors;
      } catch (error) {
        tf.dispose(tensors);
        throw error;
      }
    },
  };
}

/** Rounds values to the precision of a tensor as it was stored. */
function rawOf(values: Float32Array, { dtype, shape }: RawTensor): RawTensor {
  const half = dtype === 'F16' ? float32ToFloat16(values) : dtype === 'BF16' ? float32ToBfloat16(values) : undefined;
  const { buffer, byteOffset, byteLength } = half ?? values;
  return { dtype: half ? dtype : 'F32', shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

/**
 * Opens the weights of a folder as `openWeights` does, with the LoRA adapters that are in it, or in its subfolder `adapter`, merged
 * into them.
 * @throws as `openWeights` and `mergeAdapter` do
 */
export async function openAdapted(folder: string): Promise<AdaptedWeights> {
  const base = await openWeights(folder);
  const adapters = await adapterFolder(folder);
  return adapters === undefined ? base : mergeAdapter(base, adapters);
}
