import {
  type LoraConfig,
  type LoraFiles,
  loraChanges,
  loraConfigJson,
  peftTensors,
  readLoraConfig,
  storedAdapters,
} from '@blip2/llm';
import type { Flat } from '@blip2/tensor';
import { isFile, join, readJson, toPath } from '@blip2/tensor/files';
import {
  float32ToBfloat16,
  float32ToFloat16,
  openSafetensors,
  type RawTensor,
  writeSafetensors,
} from '@blip2/tensor/safetensors';
import * as tf from '@tensorflow/tfjs';
import { writeJson } from './atomic-folder.js';
import type { ModelWeights } from './sources.js';
import { prefixes } from './specs.js';

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';

/** The subfolder of a model's folder in which its adapters are saved: beside its config, transformers would load them unasked. */
export const ADAPTER_FOLDER = 'adapter';

/** Finds the folder of the LoRA adapters that belong to a model: its own, or its subfolder `adapter`. */
export async function adapterFolder(model: string): Promise<string | undefined> {
  for (const folder of [model, join(model, ADAPTER_FOLDER)]) if (await isFile(join(folder, CONFIG))) return folder;
  return undefined;
}

/** Adapters of packed layers, which are not merged but computed beside them. */
export interface BesideAdapters {
  readonly config: LoraConfig;
  /** Reads them, by the names of `loraSpec`; the caller owns the tensors. */
  read(): Promise<Flat>;
}

/** Options of `withAdapter` and `openModel`. */
export interface AdapterOptions {
  /** Whether the adapters of packed layers are given in `beside`. Default false: such layers are unpacked. */
  readonly beside?: boolean | undefined;
}

/** The weights of a model with adapters merged into them. */
export type AdaptedWeights = ModelWeights & { readonly beside?: BesideAdapters | undefined };

/**
 * Gives the weights of a model with LoRA adapters of PEFT merged into them, `W + scale B A`, in the precision of the file.
 * The adapters are read as the weights are; closing the result closes both. Packed layers that have adapters become float32,
 * or stay packed as they are where `beside` is asked for, which then has their adapters.
 * @param folder of the adapters: a path or a `file:` URL
 * @throws for a folder without adapters, variants of LoRA that cannot be merged, and adapters of another model
 */
export async function withAdapter(
  base: ModelWeights,
  folder: string | URL,
  { beside = false }: AdapterOptions = {},
): Promise<AdaptedWeights> {
  const path = toPath(folder);
  const json = await readJson(join(path, CONFIG));
  if (!json) throw new Error(`There is no ${CONFIG} in '${path}'; give a folder that PEFT or stage 2 has saved.`);
  const config = readLoraConfig(json, join(path, CONFIG));
  const source = await openSafetensors(join(path, WEIGHTS));
  const close = async (): Promise<void> => {
    await Promise.all([base.close(), source.close()]);
  };
  try {
    const changes = loraChanges(base, { source, config }, prefixes.language);
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
function unpacked(weights: ModelWeights, which: (name: string) => boolean): ModelWeights {
  const names = [...weights.names].map(([name, info]) =>
    which(name) && info.packed !== undefined
      ? ([name, { shape: info.shape, dtype: 'F32' }] as const)
      : ([name, info] as const),
  );
  const quantized = async (name: string) => (which(name) ? undefined : weights.quantized?.(name));
  return { ...weights, names: new Map(names), quantized };
}

/** The adapters of packed layers; undefined where there are none. */
function besideOf(base: ModelWeights, files: LoraFiles): BesideAdapters | undefined {
  const found = [...storedAdapters(base, files, prefixes.language)];
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

/** LoRA adapters of the language model, as stage 2 trains them. */
export interface SavedAdapter {
  /** By path after `language_model.`, as `parts.adapters` has them; they stay the caller's. */
  readonly tensors: Flat;
  readonly config: LoraConfig;
  /** The model that they are of, for PEFT: a name on the hub or a folder. Default: none is named. */
  readonly base?: string | undefined;
}

/** Writes adapters into an existing folder, as PEFT saves those of a whole BLIP-2: `adapter_model.safetensors` and `adapter_config.json`. */
export async function writeAdapter(folder: string, { tensors, config, base }: SavedAdapter): Promise<void> {
  const entries = Object.entries(peftTensors(tensors)).map(([name, tensor]) => ({
    name,
    shape: tensor.shape,
    dtype: 'F32' as const,
    data: async () => (await tensor.data()) as Float32Array,
  }));
  await writeSafetensors(join(folder, WEIGHTS), entries, { metadata: { format: 'pt' } });
  await writeJson(join(folder, CONFIG), loraConfigJson(config, { base, prefix: prefixes.language }));
}
