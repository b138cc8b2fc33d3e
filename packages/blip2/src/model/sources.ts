import { blockSize } from '@blip2/backend-simd';
import { BindError, type StoredValues, sizeOf, type WeightSource } from '@blip2/tensor';
import { type SafetensorsSource, storedValues } from '@blip2/tensor/safetensors';

/** The part of a source whose names are wanted, for a loader that must not see the rest. Closing stays with the whole. */
export function part(source: WeightSource, wanted: (name: string) => boolean): WeightSource {
  return {
    origin: source.origin,
    names: new Map([...source.names].filter(([name]) => wanted(name))),
    read: (name) => source.read(name),
    close: async () => {},
  };
}

/** A matrix of fewer values is not worth keeping outside a heap. */
const SMALL = 2 ** 10;

/**
 * What keeps a file's large tensors outside the backend's heap, as the file has them, once the first of them have taken
 * `inside` bytes of its blocks.
 */
export function keptOutside(source: SafetensorsSource, inside: number) {
  let left = inside;
  return async (name: string): Promise<StoredValues | undefined> => {
    const { shape } = source.names.get(name) ?? { shape: [] };
    const size = sizeOf(shape);
    if (shape.length < 2 || size < SMALL) return undefined;
    const block = blockSize(4 * size);
    if (block > left) return storedValues(await source.readRaw(name));
    left -= block;
    return undefined;
  };
}

export interface Counted {
  readonly done: number;
  readonly total: number;
}

/** A source that tells how many of its values were read, after each tensor. */
export function counted(source: WeightSource, onProgress: (progress: Counted) => void): WeightSource {
  const total = valuesIn(source);
  let done = 0;
  return {
    origin: source.origin,
    names: source.names,
    async read(name) {
      const values = await source.read(name);
      done += values.length;
      onProgress({ done, total });
      return values;
    },
    close: () => source.close(),
  };
}

export const valuesIn = ({ names }: WeightSource): number =>
  [...names.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Bytes of all tensors as the file has them, in this process. */
export const bytesIn = ({ names }: Pick<WeightSource, 'names'> = { names: new Map() }): number =>
  [...names.values()].reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * (/16$/.test(dtype) ? 2 : 4), 0);

/** What a loader finds wrong with the names and shapes of a file. */
export interface Misfits {
  readonly missing: readonly string[];
  readonly unused: readonly string[];
  readonly misshaped: readonly string[];
}

class Fits extends Error {}

/** What a loader would complain of. Nothing is read or allocated: the loader is stopped at its first tensor. */
export async function misfits(
  source: WeightSource,
  load: (source: WeightSource) => Promise<unknown>,
): Promise<Misfits> {
  const { origin, names, close } = source;
  try {
    await load({ origin, names, close, read: () => Promise.reject(new Fits()) });
  } catch (error) {
    if (error instanceof BindError) return error;
    if (!(error instanceof Fits)) throw error;
  }
  return { missing: [], unused: [], misshaped: [] };
}

/** The complaints of several loaders as those of one. */
export const joined = (all: readonly Misfits[]): Misfits => ({
  missing: all.flatMap(({ missing }) => missing),
  unused: all.flatMap(({ unused }) => unused),
  misshaped: all.flatMap(({ misshaped }) => misshaped),
});

/** @throws BindError unless everything fits */
export function expectFit(origin: string, { missing, unused, misshaped }: Misfits): void {
  if (missing.length + unused.length + misshaped.length > 0) throw new BindError(origin, missing, unused, misshaped);
}
