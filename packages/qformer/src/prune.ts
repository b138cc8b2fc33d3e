import type { QFormer } from './spec.js';

/**
 * What the second stage keeps of a Q-Former of the first: queries and their path. The tensors are the same ones, not
 * copies; the rest stay with the given tree.
 */
export function pruneForGeneration(p: QFormer): QFormer {
  const layer = p.qformer.encoder.layer.map(({ intermediate, output, ...query }) => query);
  return { query_tokens: p.query_tokens, qformer: { layernorm: p.qformer.layernorm, encoder: { layer } } };
}
