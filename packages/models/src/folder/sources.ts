import { blockSize } from '@blip2/backend-simd';
import { BindError, type Mismatches, type StoredValues, sizeOf, type WeightSource } from '@blip2/tensor';
import { type SafetensorsSource, storedValues } from '@blip2/tensor/safetensors';

/** The part of a source whose names are wanted, for a loader that must not see the rest. Closing stays with the whole. */
export function subsetSource(source: WeightSource, wanted: (name: string) => boolean): WeightSource {
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

export interface LoadProgress {
  readonly done: number;
  readonly total: number;
}

/** A source that tells how many of its values were read, after each tensor. */
export function withProgress(source: WeightSource, onProgress: (progress: LoadProgress) => void): WeightSource {
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

/** @throws BindError unless everything fits */
export function expectMatch(origin: string, { missing, unused, misshaped }: Mismatches): void {
  if (missing.length + unused.length + misshaped.length > 0) throw new BindError(origin, missing, unused, misshaped);
}
