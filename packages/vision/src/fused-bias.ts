import type { WeightSource } from '@blip2/tensor';

type Names = WeightSource['names'];

/**
 * Wraps a source so that `X.q_bias` and `X.v_bias` (early uploads, LAVIS) appear as `X.qkv.bias`: queries', zeros for the
 * keys, values'.
 */
export function fusedBiasSource(source: WeightSource): WeightSource {
  const fused = new Map<string, { query: string; value: string }>();
  const names = new Map<string, Names extends ReadonlyMap<string, infer Info> ? Info : never>(source.names);
  for (const [query, { shape, dtype }] of source.names) {
    const stem = query.endsWith('.q_bias') ? query.slice(0, -'q_bias'.length) : undefined;
    const value = `${stem}v_bias`;
    if (stem === undefined || !source.names.has(value) || source.names.has(`${stem}qkv.bias`)) continue;
    fused.set(`${stem}qkv.bias`, { query, value });
    names.delete(query);
    names.delete(value);
    names.set(`${stem}qkv.bias`, { shape: [3 * (shape[0] ?? 0)], dtype });
  }
  if (fused.size === 0) return source;
  const read = async (name: string): Promise<Float32Array> => {
    const parts = fused.get(name);
    if (!parts) return source.read(name);
    const [query, value] = [await source.read(parts.query), await source.read(parts.value)];
    return Float32Array.from([...query, ...new Float32Array(query.length), ...value]);
  };
  const stored = source.stored && (async (name: string) => (fused.has(name) ? undefined : source.stored?.(name)));
  const quantized =
    source.quantized && (async (name: string) => (fused.has(name) ? undefined : source.quantized?.(name)));
  return { origin: source.origin, names, read, stored, quantized, close: () => source.close() };
}
