import * as tf from '@tensorflow/tfjs';
import { type Params, type Shape, type Spec, specLeaves } from './spec.js';
import { type Flat, unflatten } from './tree.js';
import { storedTensor, type WeightSource } from './weights.js';

export interface BindOptions {
  /** Only names that begin with it belong to the spec; what follows is the path. */
  prefix?: string;
  /** From a path of the spec to the name in the file (without prefix). Default: the same. */
  rename?: (path: string) => string;
  /** Names in the file that may go unused, such as buffers. */
  ignore?: (name: string) => boolean;
  /** Paths that may be absent from the file: `derive` then gives the name to read in their place, such as a tied head's. */
  tied?: Readonly<Record<string, string>>;
}

/** What stands between a spec and a file, all of it at once. */
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
      `The tensors in ${origin} do not fit the model; ${parts.join('; ')}. Check that the config belongs to these weights.`,
    );
  }
}

const list = (names: readonly string[]): string =>
  names.length <= 12 ? names.join(', ') : `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`;

/** Names of tensors by which a file differs from a spec. */
export interface Mismatches {
  readonly missing: readonly string[];
  readonly unused: readonly string[];
  /** With the shape found and the shape expected. */
  readonly misshaped: readonly string[];
}

/** The comparison of a spec with a file. */
export interface Comparison extends Mismatches {
  /** From path to the name in the file. */
  readonly names: ReadonlyMap<string, string>;
}

/** Compares a spec with a file by names and shapes alone: reads and allocates nothing. */
export function compare(spec: Spec, source: WeightSource, options: BindOptions = {}): Comparison {
  const { prefix = '', rename = (path: string) => path, ignore = () => false, tied = {} } = options;
  const names = new Map<string, string>();
  const missing: string[] = [];
  const misshaped: string[] = [];
  for (const [path, leaf] of specLeaves(spec)) {
    const own = prefix + rename(path);
    const fallback = tied[path];
    const name = !source.names.has(own) && fallback !== undefined ? prefix + rename(fallback) : own;
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
 * Loads the tree of a spec from a file.
 * @throws BindError naming every missing, unused and mis-shaped tensor, before anything is allocated.
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
  try {
    for (const [path, leaf] of specLeaves(spec)) {
      flat[path] = tf.keep(await tensorOf(source, names.get(path) as string, leaf.shape));
    }
  } catch (error) {
    for (const tensor of Object.values(flat)) tensor.dispose();
    throw error;
  }
  return unflatten(spec, flat);
}

async function tensorOf(source: WeightSource, name: string, shape: Shape): Promise<tf.Tensor> {
  const stored = await source.stored?.(name);
  return stored ? storedTensor(stored, shape) : tf.tensor(await source.read(name), [...shape], 'float32');
}
