import { bind, hash, type Json, rng, type Shape, sizeOf, specLeaves, type WeightSource } from '@blip2/tensor';
import type { QFormerConfig } from './config.js';
import { bertName, isCopy } from './names.js';
import { type PretrainingQFormer, qformerSpec } from './spec.js';

/**
 * Reads the configuration of a BERT whose weights a Q-Former can start from: layers, widths and positions from the shapes of
 * its tensors, and from its `config.json` what shapes do not tell: heads, activation and the epsilon of the layer norms.
 * @param source a BERT checkpoint as `fromBert` takes it; nothing is read of it but names and shapes
 * @param json BERT's `config.json`; what it lacks is left out
 */
export function bertConfig(source: Pick<WeightSource, 'names'>, json: Json = {}): Partial<QFormerConfig> {
  const shapes = new Map<string, Shape>();
  for (const [name, { shape }] of source.names) shapes.set(modernName(name), shape);
  const word = shapes.get('bert.embeddings.word_embeddings.weight');
  const position = shapes.get('bert.embeddings.position_embeddings.weight');
  const up = shapes.get('bert.encoder.layer.0.intermediate.dense.weight');
  let layers = 0;
  while (shapes.has(`bert.encoder.layer.${layers}.attention.self.query.weight`)) layers++;
  const { num_attention_heads: heads, layer_norm_eps: epsilon, hidden_act: activation } = json;
  const config = {
    hiddenSize: word?.[1],
    vocabSize: word?.[0],
    maxPositions: position?.[0],
    intermediateSize: up?.[0],
    layers: layers || undefined,
    heads: heads ?? undefined,
    epsilon: epsilon ?? undefined,
    activation: activation ?? undefined,
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/** Options of `fromBert`. */
export interface FromBertOptions {
  /** Seed of what is initialized anew. */
  readonly seed: number;
  /**
   * Whether the embedding of BERT's token type 0, which is added to every token of a text there, is added to the positions: the
   * text branch then computes what BERT does. Default false, as in LAVIS, which leaves it out.
   */
  readonly tokenType?: boolean | undefined;
}

/**
 * Initializes a Q-Former for the first stage from BERT (BLIP-2, section 3.1): the feed-forward networks of the queries are
 * copies of BERT's, as those of the texts are. What BERT lacks is initialized as `qformerSpec` says: cross-attention, queries,
 * heads, rows of the vocabulary such as [DEC], and the captioning head where the checkpoint has none.
 * @param source a BERT checkpoint; names may have the prefix `bert.` or not, LayerNorm may have `gamma` and `beta`. It is
 *   not closed
 * @throws BindError naming all tensors that are missing, unused or of another shape
 */
export function fromBert(
  config: QFormerConfig,
  source: WeightSource,
  { seed, tokenType = false }: FromBertOptions,
): Promise<PretrainingQFormer> {
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
    const type = tokenType && path === POSITIONS ? tokenTypes(source) : undefined;
    reads.set(path, async () => {
      const values = extended(await source.read(found.name), fresh, sizeOf(shape));
      return type === undefined ? values : plusRow(values, await source.read(type), shape[1] as number);
    });
  }
  for (const [name, { shape }] of known) if (!used.has(name)) names.set(name, { shape, dtype: 'F32' });
  const read = (path: string): Promise<Float32Array> => (reads.get(path) as () => Promise<Float32Array>)();
  return bind(spec, { origin: source.origin, names, read, close: async () => {} });
}

const POSITIONS = 'embeddings.position_embeddings.weight';

/** The name of the embeddings of token types in a file. */
const tokenTypes = ({ names }: WeightSource): string | undefined =>
  [...names.keys()].find((name) => modernName(name) === 'bert.embeddings.token_type_embeddings.weight');

/** Adds the first row of a table to every row of another of that width. */
const plusRow = (rows: Float32Array, first: Float32Array, width: number): Float32Array =>
  rows.map((value, i) => value + (first[i % width] as number));

/** The tensors of a BERT checkpoint by their current names, without those that a Q-Former leaves out. */
function bertTensors(source: WeightSource): Map<string, { name: string; shape: Shape }> {
  const tensors = new Map<string, { name: string; shape: Shape }>();
  for (const [name, { shape }] of source.names) {
    const whole = modernName(name);
    if (!isCopy(name) && !leftOut.test(whole)) tensors.set(whole, { name, shape });
  }
  return tensors;
}

/** The name of a tensor with its prefix `bert.`, and as later releases of transformers have it. */
function modernName(name: string): string {
  const modern = name.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
  return /^(bert|cls)\./.test(modern) ? modern : `bert.${modern}`;
}

const leftOut = /^bert\.(embeddings\.token_type_embeddings|pooler)\.|^cls\.seq_relationship\./;

const growable = (path: string): boolean =>
  path === 'embeddings.word_embeddings.weight' || path === 'cls.predictions.bias';

/** Whether a table can be the first rows of a larger one. */
const fits = (small: Shape, large: Shape): boolean =>
  small.slice(1).join() === large.slice(1).join() && sizeOf(small) <= sizeOf(large);

/** Values as the first of `size`, the others initialized. */
function extended(values: Float32Array, fresh: () => Float32Array, size: number): Float32Array {
  if (values.length >= size) return values; // `bind` names what is too large
  const all = fresh();
  all.set(values);
  return all;
}
