import type { Tokenizer } from '@blip2/data';
import type { ItmScorer } from '@blip2/models';
import { itmLogits, type LayerGates, matchPass, type QFormerConfig } from '@blip2/qformer';
import { normFeatures, textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { onlyPatches, type PatchMaps, sidesOf } from './attention.js';

/** The relevance of each word of a text over the patches of an image, when the two are matched. */
export interface WordMaps extends PatchMaps {
  /** The words as the tokenizer has them, one a map. */
  readonly words: readonly string[];
  /** Each word's share of the relevance of all words; they sum to one. */
  readonly shares: readonly number[];
}

/**
 * Computes which patches of an image are relevant for each word of a text, by Grad-CAM on the attention of the ITM pass.
 * This is the visualization of ALBEF (Li et al. 2021, section 5.1), extended to a model whose words reach the image only
 * through queries. With `s` the logit of a match minus that of a mismatch, an attention weight `A` counts as
 * `max(0, A ∂s/∂A)`, averaged over the heads:
 *
 * - `C_l[q,n]`: cross-attention of query q to patch n in layer l;
 * - `S_l[q,t]`: self-attention of query q to token t in layer l.
 *
 * What a query has read of a token affects its cross-attention in the same and later layers, so the map of token t is
 * `R_t[n] = Σ_q Σ_l C_l[q,n] Σ_{m≤l} S_m[q,t]`. The map of a word is the sum of its tokens' maps. Attention between queries
 * is ignored. Each map is normalized to sum to one; `shares` holds the words' parts before that.
 * @param features of the image encoder, [1,N,D]
 * @throws for a text without words, and for features that are no square grid of patches
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
    throw new Error(`The text '${text}' has no words to explain; give a text with at least one word.`);
  }
  const relevances = tf.tidy(() => {
    const normed = normFeatures(params, features);
    const score = (gates: readonly LayerGates[]): tf.Scalar => {
      const { output } = matchPass(params, config, { ids, mask, features: normed }, { gates });
      const [no, yes] = tf.split(itmLogits(params, output), 2, 1) as [tf.Tensor, tf.Tensor];
      return tf.sum(tf.sub(yes, no));
    };
    const maps = relevance(score, config, { T: ids.shape[1], N: features.shape[1] }); // [T,N]
    const words = tf.stack(groups.map(({ tokens }) => tf.sum(tf.gather(maps, tf.tensor1d([...tokens], 'int32')), 0))); // [M,N]
    const sums = tf.sum(words, 1);
    return { shares: tf.divNoNan(sums, tf.sum(sums)), maps: onlyPatches(tf.expandDims(words, 0)) };
  });
  try {
    const [values, shares] = [await relevances.maps.data(), await relevances.shares.data()];
    const words = groups.map(({ word }) => word);
    return { ...sidesOf(features.shape[1]), words, shares: [...shares], values: values as Float32Array };
  } finally {
    tf.dispose([ids, mask, relevances.maps, relevances.shares]);
  }
}

/** The relevance of every patch for every token, through the queries that attend to both: [T,N]. */
function relevance(
  score: (gates: readonly LayerGates[]) => tf.Scalar,
  config: QFormerConfig,
  { T, N }: { readonly T: number; readonly N: number },
): tf.Tensor2D {
  const { layers, heads: H, queries: Q, crossAttentionFrequency } = config;
  const hasCross = (layer: number): boolean => layer % crossAttentionFrequency === 0;
  const shapes = Array.from({ length: layers }, (_, layer) => ({
    self: [1, H, layer === layers - 1 ? Q : Q + T, Q + T],
    cross: hasCross(layer) ? [1, H, Q, N] : undefined,
  }));
  const flat = shapes.flatMap(({ self, cross }) => (cross ? [self, cross] : [self]));
  const gatesOf = (list: readonly tf.Tensor[]): LayerGates[] => {
    const rest = [...list] as tf.Tensor4D[];
    return shapes.map(({ cross }) => ({ self: rest.shift(), ...(cross && { cross: rest.shift() }) }));
  };
  const gradients = tf.grads((...gates) => score(gatesOf(gates)))(flat.map((shape) => tf.ones(shape)));
  let [tokenReads, total]: [tf.Tensor, tf.Tensor] = [tf.zeros([Q, T]), tf.zeros([T, N])];
  for (const { self, cross } of gatesOf(gradients)) {
    const positive = (gradient: tf.Tensor4D): tf.Tensor => tf.mean(tf.relu(gradient), [0, 1]);
    tokenReads = tf.add(tokenReads, tf.slice(positive(self!), [0, Q], [Q, T])); // Σ_{m≤l} S_m
    if (cross) total = tf.add(total, tf.matMul(tokenReads as tf.Tensor2D, positive(cross) as tf.Tensor2D, true)); // [T,N]
  }
  return total as tf.Tensor2D;
}

interface Word {
  readonly word: string;
  /** Indices of its tokens in the text. */
  readonly tokens: readonly number[];
}

/** Joins WordPiece tokens to words: a token that continues a word begins with `##`. */
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
