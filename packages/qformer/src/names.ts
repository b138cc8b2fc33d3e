/** Names of the first parts of a path, Hugging Face's and those of LAVIS checkpoints. */
const prefixes: readonly (readonly [path: string, lavis: string])[] = [
  ['qformer.layernorm.', 'Qformer.bert.embeddings.LayerNorm.'],
  ['qformer.encoder.', 'Qformer.bert.encoder.'],
  ['embeddings.', 'Qformer.bert.embeddings.'],
  ['cls.', 'Qformer.cls.'],
  ['vision_projection.', 'vision_proj.'],
  ['text_projection.', 'text_proj.'],
  ['itm_head.', 'itm_head.'],
  ['query_tokens', 'query_tokens'],
  ['temp', 'temp'],
];

/** Gives the name that a path of `qformerSpec` has in a LAVIS checkpoint. @throws for any other path */
export function lavisName(path: string): string {
  const found = prefixes.find(([ours]) => path.startsWith(ours));
  if (!found) throw new Error(`LAVIS has no name for '${path}'; only a Q-Former's paths have one.`);
  return (found[1] + path.slice(found[0].length)).replace('attention.attention.', 'attention.self.');
}

/** Gives the path of a name in a LAVIS checkpoint; undefined for names that are no parameter of the Q-Former. */
export function pathOfLavisName(name: string): string | undefined {
  if (isCopy(name)) return undefined;
  const found = prefixes.find(([, lavis]) => name.startsWith(lavis));
  return found && (found[0] + name.slice(found[1].length)).replace('attention.self.', 'attention.attention.');
}

/** Tells whether a name in a checkpoint is no parameter of its own: position ids, or the tied decoder of `cls.predictions`. */
export const isCopy = (name: string): boolean =>
  name.endsWith('.position_ids') || name.includes('cls.predictions.decoder.');

/**
 * The name that a path's first values have in a BERT checkpoint; undefined for what BERT lacks (cross-attention, queries,
 * heads). The queries' feed-forward networks are initialized as copies of the text's.
 */
export function bertName(path: string): string | undefined {
  if (path.includes('.crossattention.')) return undefined;
  if (path.startsWith('cls.')) return path;
  if (!path.startsWith('qformer.') && !path.startsWith('embeddings.')) return undefined;
  return lavisName(path)
    .replace('Qformer.', '')
    .replace(/\.(intermediate|output)_query\./, '.$1.');
}
