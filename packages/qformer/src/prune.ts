import type { QFormer } from './spec.js';

/**
 * Takes from a Q-Former of the first stage what the second needs: queries and their branch. The tensors are shared, not copied;
 * the others stay with the given tree.
 */
export function pruneForGeneration(p: QFormer): QFormer {
  const layer = p.qformer.encoder.layer.map(({ intermediate, output, ...query }) => query);
  return { query_tokens: p.query_tokens, qformer: { layernorm: p.qformer.layernorm, encoder: { layer } } };
}
