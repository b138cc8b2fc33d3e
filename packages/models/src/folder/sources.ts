import { blockSize } from '@blip2/backend-simd';
import type { StoredWeights } from '@blip2/llm';
import {
  BindError,
  type Mismatches,
  matrixBytes,
  matrixShape,
  type QuantizedValues,
  type StoredMatrix,
  type StoredValues,
  sizeOf,
  type TensorDescription,
  type WeightSource,
} from '@blip2/tensor';
import { float32ToBfloat16, float32ToFloat16, type RawTensor, storedValues } from '@blip2/tensor/safetensors';

/** The weights of a model's folder, as `openWeights` opens them; with `readRaw` where tensors can be read as they are stored. */
export type ModelWeights = StoredWeights;

/** A source whose tensors are part of a model under other names. */
export interface SourcePart {
  readonly source: ModelWeights;
  /** The name of a tensor in the model; undefined for one that is not part of it. */
  readonly rename: (name: string) => string | undefined;
}

/**
 * Joins the weights of a model's own file with those of other folders that it refers to. Closing it closes all.
 * @throws for a tensor that the model's own file has too
 */
export function joinSources(own: ModelWeights, parts: readonly SourcePart[]): ModelWeights {
  const names = new Map(own.names);
  const places = new Map<string, [source: ModelWeights, name: string]>();
  for (const { source, rename } of parts) {
    for (const [name, info] of source.names) {
      const as = rename(name);
      if (as === undefined) continue;
      if (names.has(as)) throw new Error(`${own.origin} holds '${as}', of a part for which it refers to a folder.`);
      names.set(as, info);
      places.set(as, [source, name]);
    }
  }
  const placeOf = (name: string) => places.get(name) ?? ([own, name] as const);
  return {
    origin: own.origin,
    names,
    read: (name, target) => {
      const [source, stored] = placeOf(name);
      return source.read(stored, target);
    },
    readRaw: (name) => {
      const [source, stored] = placeOf(name);
      return rawOf(source, stored);
    },
    quantized: async (name) => {
      const [source, stored] = placeOf(name);
      return source.quantized?.(stored);
    },
    async close() {
      for (const { source } of parts) await source.close();
      await own.close();
    },
  };
}

/** Restricts a source to some of its names. Closing it does nothing: the whole source is closed by its owner. */
export function subsetSource(source: WeightSource, wanted: (name: string) => boolean): WeightSource {
  return {
    origin: source.origin,
    names: new Map([...source.names].filter(([name]) => wanted(name))),
    read: (name, target) => source.read(name, target),
    quantized: async (name) => source.quantized?.(name),
    close: async () => {},
  };
}

/** Smaller matrices are always kept in the heap. */
const SMALL = 2 ** 10;

/**
 * Creates the methods `stored` and `quantized` of a source whose large tensors stay outside the backend's heap, in the file's
 * precision, once the first of them have filled `inHeap` bytes of it.
 */
export function keptOutside(
  source: ModelWeights,
  inHeap: number,
): Required<Pick<WeightSource, 'stored' | 'quantized'>> {
  let remaining = inHeap;
  const fits = (bytes: number): boolean => {
    const block = blockSize(bytes);
    if (block > remaining) return false;
    remaining -= block;
    return true;
  };
  return {
    async stored(name): Promise<StoredValues | undefined> {
      const { shape } = source.names.get(name) ?? { shape: [] };
      const size = sizeOf(shape);
      if (shape.length < 2 || size < SMALL || fits(4 * size)) return undefined;
      return storedValues(await rawOf(source, name));
    },
    async quantized(name) {
      const matrix = await source.quantized?.(name);
      if (!matrix || sizeOf(matrix.shape) < SMALL || fits(matrixBytes(matrix.format, matrix.shape))) return matrix;
      return { ...('read' in matrix ? matrix : inMemory(matrix)), outside: true };
    },
  };
}

/** Bytes in memory as a matrix that is read piece by piece. */
const inMemory = ({ format, shape, bytes, scales }: QuantizedValues): StoredMatrix => ({
  format,
  shape,
  read: async (target, begin) => target.set(bytes.subarray(begin, begin + target.length)),
  ...(scales && { scales: async () => scales }),
});

/** Reads a tensor as stored; those of PyTorch files are read as float32, and halved again. */
async function rawOf(source: ModelWeights, name: string): Promise<RawTensor> {
  if (source.readRaw) return source.readRaw(name);
  const { shape = [], dtype } = source.names.get(name) ?? {};
  const values = await source.read(name);
  const half = dtype === 'F16' ? float32ToFloat16(values) : dtype === 'BF16' ? float32ToBfloat16(values) : undefined;
  const { buffer, byteOffset, byteLength } = half ?? values;
  return {
    dtype: half ? (dtype as 'F16' | 'BF16') : 'F32',
    shape: [...shape],
    bytes: new Uint8Array(buffer, byteOffset, byteLength),
  };
}

/** How many values of a model's tensors are loaded. */
export interface LoadProgress {
  /** Values loaded so far. */
  readonly done: number;
  readonly total: number;
}

/** Makes a source report after each tensor how many of its values were read. */
export function withProgress(source: WeightSource, onProgress: (progress: LoadProgress) => void): WeightSource {
  const total = valuesIn(source);
  let done = 0;
  return {
    origin: source.origin,
    names: source.names,
    async read(name, target) {
      const values = await source.read(name, target);
      done += values.length;
      onProgress({ done, total });
      return values;
    },
    async quantized(name) {
      const matrix = await source.quantized?.(name);
      if (!matrix) return undefined;
      done += sizeOf(matrix.shape);
      onProgress({ done, total });
      return matrix;
    },
    close: () => source.close(),
  };
}

/** Counts the values of all tensors. */
export const valuesIn = ({ names }: WeightSource): number =>
  [...names.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Counts the bytes of all tensors in the file's precision. */
export const bytesIn = ({ names }: Pick<WeightSource, 'names'> = { names: new Map() }): number =>
  [...names.values()].reduce((sum, info) => sum + bytesOf(info), 0);

/** The bytes of a tensor in the file's precision: packed, in half precision, or as float32. */
const bytesOf = ({ shape, dtype, packed }: TensorDescription): number =>
  packed !== undefined ? matrixBytes(packed, matrixShape(shape)) : sizeOf(shape) * (/16$/.test(dtype) ? 2 : 4);

/** @throws BindError where a tensor is missing, unused or has another shape */
export function expectMatch(origin: string, { missing, unused, misshaped }: Mismatches): void {
  if (missing.length + unused.length + misshaped.length > 0) throw new BindError(origin, missing, unused, misshaped);
}
