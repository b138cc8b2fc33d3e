import type { Tokenizer } from '@blip2/data';
import type { ItmScorer } from '@blip2/models';
import { itmLogits, type LayerGates, matchPass, type QFormerConfig } from '@blip2/qformer';
import { normFeatures, textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { onlyPatches, type PatchMaps, sidesOf } from './attention.js';

/** Which regions of an image the words of a text lean on when the two are matched. */
export interface WordMaps extends PatchMaps {
  readonly words: readonly string[];
  /** How much of the match goes by each word: shares that sum to one. */
  readonly shares: readonly number[];
}

/**
 * Grad-CAM on the attention of matching, as ALBEF draws it (Li et al. 2021, section 5.1), for a model whose words reach the
 * image only through queries. With `s` the logit of a match less that of a mismatch, a look counts what it adds to it,
 * `max(0, A ∂s/∂A)`, the mean of the heads:
 *
 * - `C_l[q,n]`: query q's look at patch n in layer l (cross-attention);
 * - `S_l[q,t]`: query q's look at token t in layer l (self-attention).
 *
 * What a query has read steers the looks that come after it, so the map of token t is
 * `R_t[n] = Σ_q Σ_l C_l[q,n] Σ_{m≤l} S_m[q,t]`. The map of a word is the sum of its tokens'. What queries tell each other is
 * left out. Each map sums to one; the shares say how much the words' maps held before.
 * @param features of the image encoder, [1,N,D]
 */
export async function wordRelevance(
  model: ItmScorer,
  { features, text }: { readonly features: tf.Tensor3D; readonly text: string },
): Promise<WordMaps> {
  const { params, config, tokenizer } = model;
  const { ids, mask } = textTensors([text], { tokenizer, textLength: config.maxPositions });
  const groups = wordsOf(tokenizer, [...((await ids.data()) as Int32Array)]);
  if (groups.length === 0) {
    tf.dispose([ids, mask]);
    throw new Error(`The text '${text}' has no words that could be explained; give some.`);
  }
  const made = tf.tidy(() => {
    const seen = normFeatures(params, features);
    const score = (gates: readonly LayerGates[]): tf.Scalar => {
      const { output } = matchPass(params, config, { ids, mask, features: seen }, { gates });
      const [no, yes] = tf.split(itmLogits(params, output), 2, 1) as [tf.Tensor, tf.Tensor];
      return tf.sum(tf.sub(yes, no));
    };
    const maps = relevance(score, config, { T: ids.shape[1], N: features.shape[1] }); // [T,N]
    const words = tf.stack(groups.map(({ tokens }) => tf.sum(tf.gather(maps, tf.tensor1d([...tokens], 'int32')), 0))); // [M,N]
    const held = tf.sum(words, 1);
    return { held: tf.divNoNan(held, tf.sum(held)), maps: onlyPatches(tf.expandDims(words, 0)) };
  });
  try {
    const [values, held] = [await made.maps.data(), await made.held.data()];
    const words = groups.map(({ word }) => word);
    return { ...sidesOf(features.shape[1]), words, shares: [...held], values: values as Float32Array };
  } finally {
    tf.dispose([ids, mask, made.maps, made.held]);
  }
}

/** What every token's looks count, by way of the queries that read it: [T,N]. */
function relevance(
  score: (gates: readonly LayerGates[]) => tf.Scalar,
  config: QFormerConfig,
  { T, N }: { readonly T: number; readonly N: number },
): tf.Tensor2D {
  const { layers, heads: H, queries: Q, crossAttentionFrequency } = config;
  const looks = (layer: number): boolean => layer % crossAttentionFrequency === 0;
  const shapes = Array.from({ length: layers }, (_, layer) => ({
    self: [1, H, layer === layers - 1 ? Q : Q + T, Q + T],
    cross: looks(layer) ? [1, H, Q, N] : undefined,
  }));
  const flat = shapes.flatMap(({ self, cross }) => (cross ? [self, cross] : [self]));
  const gatesOf = (list: readonly tf.Tensor[]): LayerGates[] => {
    const rest = [...list] as tf.Tensor4D[];
    return shapes.map(({ cross }) => ({ self: rest.shift(), ...(cross && { cross: rest.shift() }) }));
  };
  const gradients = tf.grads((...gates) => score(gatesOf(gates)))(flat.map((shape) => tf.ones(shape)));
  let [read, total]: [tf.Tensor, tf.Tensor] = [tf.zeros([Q, T]), tf.zeros([T, N])];
  for (const { self, cross } of gatesOf(gradients)) {
    const counted = (gradient: tf.Tensor4D): tf.Tensor => tf.mean(tf.relu(gradient), [0, 1]);
    read = tf.add(read, tf.slice(counted(self!), [0, Q], [Q, T])); // Σ_{m≤l} S_m
    if (cross) total = tf.add(total, tf.matMul(read as tf.Tensor2D, counted(cross) as tf.Tensor2D, true)); // [T,N]
  }
  return total as tf.Tensor2D;
}

interface Word {
  readonly word: string;
  /** The places of its tokens. */
  readonly tokens: readonly number[];
}

/** Words of a text in pieces: a piece that goes on from the one before begins with ## (WordPiece). */
function wordsOf(tokenizer: Tokenizer, ids: readonly number[]): Word[] {
  const special = new Set<number | undefined>(Object.values(tokenizer.special));
  special.delete(tokenizer.special.unk);
  const words: { word: string; tokens: number[] }[] = [];
  for (const [place, id] of ids.entries()) {
    if (special.has(id)) continue;
    const piece = tokenizer.token(id) ?? '?';
    const last = words.at(-1);
    if (piece.startsWith('##') && last?.tokens.at(-1) === place - 1) {
      last.word += piece.slice(2);
      last.tokens.push(place);
    } else words.push({ word: piece, tokens: [place] });
  }
  return words;
}
