import type { QuantizedValues, TensorDescription, WeightSource } from '@blip2/tensor';
import { packedBytes } from '@blip2/tensor';
import { packedTensor, type TensorEntry } from '@blip2/tensor/safetensors';

/**
 * A tensor of a source as an entry of a file that keeps its precision: packed blocks and half precision as they are,
 * everything else as float32.
 * @param as its name there. Default: the same
 */
export function storedEntry(
  source: WeightSource,
  [name, { shape, dtype, packed }]: readonly [string, TensorDescription],
  as = name,
): TensorEntry {
  if (packed === undefined) {
    const kept = dtype === 'F16' || dtype === 'BF16' ? dtype : 'F32';
    return { name: as, shape, dtype: kept, data: () => source.read(name) };
  }
  return {
    name: as,
    shape,
    dtype: packed,
    packed,
    data: async () => packedTensor(await packedValues(source, name)).data,
  };
}

/** Reads a packed matrix into memory. @throws for a tensor that is not packed */
export async function packedValues(source: WeightSource, name: string): Promise<QuantizedValues> {
  const matrix = await source.quantized?.(name);
  if (!matrix) throw new Error(`'${name}' of ${source.origin} is not packed; open the model's folder again.`);
  if (!('read' in matrix)) return matrix;
  const { format, shape } = matrix;
  const bytes = new Uint8Array(packedBytes(format, shape));
  await matrix.read(bytes, 0);
  return { format, shape, bytes, scales: await matrix.scales?.() };
}
