import { bind, hash, rng, type Shape, sizeOf, specLeaves, type WeightSource } from '@blip2/tensor';
import type { QFormerConfig } from './config.js';
import { bertName, isCopy } from './names.js';
import { type QFormer, qformerSpec } from './spec.js';

/**
 * A Q-Former for the first stage that begins as BERT (BLIP-2, section 3.1): queries' feed-forward networks are copies of
 * the text's, cross-attention and queries N(0, 0.02), heads as PyTorch has them; rows that BERT's vocabulary lacks, such
 * as [DEC], N(0, 0.02). A captioning head that the checkpoint lacks begins anew.
 * @param source a BERT checkpoint; names may begin with `bert.` or not, LayerNorm may have `gamma` and `beta`
 * @throws BindError naming all tensors that are missing, unused or of another shape
 */
export function fromBert(config: QFormerConfig, source: WeightSource, { seed }: { seed: number }): Promise<QFormer> {
  const spec = qformerSpec(config, 'pretraining');
  const known = bertTensors(source);
  const hasHead = [...known.keys()].some((name) => name.startsWith('cls.predictions.'));
  const names = new Map<string, { shape: Shape; dtype: string }>();
  const reads = new Map<string, () => Promise<Float32Array>>();
  const used = new Set<string>();
  for (const [path, { shape, init }] of specLeaves(spec)) {
    const fresh = (): Float32Array => init(shape, rng(hash(seed, path)));
    const wanted = bertName(path);
    if (wanted === undefined || (wanted.startsWith('cls.') && !hasHead)) {
      names.set(path, { shape, dtype: 'F32' });
      reads.set(path, async () => fresh());
      continue;
    }
    const found = known.get(wanted);
    if (!found) continue; // bind names it
    used.add(wanted);
    const grown = growable(path) && fits(found.shape, shape);
    names.set(path, { shape: grown ? shape : found.shape, dtype: 'F32' });
    reads.set(path, async () => extended(await source.read(found.name), fresh()));
  }
  for (const [name, { shape }] of known) if (!used.has(name)) names.set(name, { shape, dtype: 'F32' });
  const read = (path: string): Promise<Float32Array> => (reads.get(path) as () => Promise<Float32Array>)();
  return bind(spec, { origin: source.origin, names, read, close: async () => {} });
}

/** The tensors of a BERT checkpoint by their modern names, without those that a Q-Former leaves out. */
function bertTensors(source: WeightSource): Map<string, { name: string; shape: Shape }> {
  const tensors = new Map<string, { name: string; shape: Shape }>();
  for (const [name, { shape }] of source.names) {
    const modern = name.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
    const whole = /^(bert|cls)\./.test(modern) ? modern : `bert.${modern}`;
    if (!isCopy(name) && !leftOut.test(whole)) tensors.set(whole, { name, shape });
  }
  return tensors;
}

const leftOut = /^bert\.(embeddings\.token_type_embeddings|pooler)\.|^cls\.seq_relationship\./;

const growable = (path: string): boolean =>
  path === 'embeddings.word_embeddings.weight' || path === 'cls.predictions.bias';

/** Whether a table can be the first rows of a larger one. */
const fits = (small: Shape, large: Shape): boolean =>
  small.slice(1).join() === large.slice(1).join() && sizeOf(small) <= sizeOf(large);

function extended(values: Float32Array, fresh: Float32Array): Float32Array {
  if (values.length === fresh.length) return values;
  fresh.set(values);
  return fresh;
}
