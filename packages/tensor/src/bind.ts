import * as tf from '@tensorflow/tfjs';
import { lendsMemory, lentTensor } from './lent.js';
import { loadQuantized } from './quantized/load.js';
import { quantizedMatrix } from './quantized/matrix.js';
import { type ParamSpec, type Params, type Spec, specLeaves } from './spec.js';
import { type Flat, unflatten } from './tree.js';
import { storedTensor, type WeightSource } from './weights.js';
import { setWidenInPlace } from './widen-in-place.js';

/** Options of `bind` and `compare`. */
export interface BindOptions {
  /** Prefix of the spec's tensors in the file; other names are ignored. Default ''. */
  prefix?: string;
  /** Maps a path of the spec to the name in the file, without prefix. Default: the path. */
  rename?: (path: string) => string;
  /** Returns true for names in the file that may be unused, such as buffers. */
  ignore?: (name: string) => boolean;
  /** Tied parameters: for a path that may be missing in the file, the path whose tensor is read instead. */
  tied?: Readonly<Record<string, string>>;
}

/** Thrown by `bind` for a file that does not match the spec, with all missing, unused and misshaped tensors. */
export class BindError extends Error {
  override readonly name = 'BindError';
  constructor(
    origin: string,
    readonly missing: readonly string[],
    readonly unused: readonly string[],
    readonly misshaped: readonly string[],
  ) {
    const parts = [
      missing.length ? `missing: ${list(missing)}` : '',
      unused.length ? `unused: ${list(unused)}` : '',
      misshaped.length ? `of another shape: ${list(misshaped)}` : '',
    ].filter(Boolean);
    super(
      `The tensors in ${origin} do not match the model; ${parts.join('; ')}. Check that the config belongs to these weights.`,
    );
  }
}

const list = (names: readonly string[]): string =>
  names.length <= 12 ? names.join(', ') : `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`;

/** The tensors in which a file differs from a spec. */
export interface Mismatches {
  /** Names that the file lacks. */
  readonly missing: readonly string[];
  /** Names of the file that the spec lacks. */
  readonly unused: readonly string[];
  /** Names with the shape found and the shape expected. */
  readonly misshaped: readonly string[];
}

/** The result of `compare`. */
export interface Comparison extends Mismatches {
  /** The name in the file, by path of the spec. */
  readonly names: ReadonlyMap<string, string>;
}

/** Compares the names and shapes of a spec with those of a file; reads and allocates no tensors. */
export function compare(spec: Spec, source: WeightSource, options: BindOptions = {}): Comparison {
  const { prefix = '', rename = (path: string) => path, ignore = () => false, tied = {} } = options;
  const names = new Map<string, string>();
  const missing: string[] = [];
  const misshaped: string[] = [];
  for (const [path, leaf] of specLeaves(spec)) {
    const own = prefix + rename(path);
    const tiedPath = tied[path];
    const name = !source.names.has(own) && tiedPath !== undefined ? prefix + rename(tiedPath) : own;
    const found = source.names.get(name);
    if (!found) {
      missing.push(own);
      continue;
    }
    names.set(path, name);
    if (found.shape.join() !== leaf.shape.join()) {
      misshaped.push(`${name} [${found.shape}] instead of [${leaf.shape}]`);
    }
  }
  const used = new Set(names.values());
  const unused = [...source.names.keys()].filter((name) => name.startsWith(prefix) && !used.has(name) && !ignore(name));
  return { names, missing, unused, misshaped };
}

/**
 * Loads the tensors that a spec describes from a file, as float32 or, where the source has them packed, as `QuantizedMatrix`;
 * the caller owns the tree.
 * @throws BindError with every missing, unused and misshaped tensor, before anything is allocated
 */
export async function bind<S extends Spec>(
  spec: S,
  source: WeightSource,
  options: BindOptions = {},
): Promise<Params<S>> {
  const { names, missing, unused, misshaped } = compare(spec, source, options);
  if (missing.length || unused.length || misshaped.length) {
    throw new BindError(source.origin, missing, unused, misshaped);
  }
  const flat: Flat = {};
  const errors: unknown[] = [];
  const leaves = specLeaves(spec)[Symbol.iterator]();
  const load = async (): Promise<void> => {
    for (const [path, leaf] of leaves) {
      if (errors.length > 0) return;
      try {
        flat[path] = tf.keep(await tensorOf(source, names.get(path) as string, leaf));
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: lendsMemory() ? AT_ONCE : 1 }, load));
  if (errors.length === 0) return unflatten(spec, flat);
  for (const tensor of Object.values(flat)) tensor.dispose();
  throw errors[0];
}

/** Tensors that are read at a time, where the backend lends its memory for them: the disk is not idle between two of them. */
const AT_ONCE = 4;

async function tensorOf(source: WeightSource, name: string, { shape, packable }: ParamSpec): Promise<tf.Tensor> {
  const packed = packable ? await source.quantized?.(name) : undefined;
  if (packed) return 'read' in packed ? loadQuantized(packed) : quantizedMatrix(packed);
  const stored = await source.stored?.(name);
  if (stored) return storedTensor(stored, shape);
  const lent = lentTensor(shape, 'float32');
  if (!lent) return tf.tensor(await source.read(name), [...shape], 'float32');
  const { tensor, bytes, widen } = lent;
  const own = new Float32Array(bytes.buffer, bytes.byteOffset, tensor.size);
  setWidenInPlace(own, widen);
  try {
    const values = await source.read(name, own);
    if (values !== own) own.set(values);
    return tensor;
  } catch (error) {
    tensor.dispose();
    throw error;
  }
}
