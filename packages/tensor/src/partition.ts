import { type Flat, flatten, type Tree } from './tree.js';

export type ParamStatus = 'trainable' | 'frozen';

/** A rule speaks of all paths that begin with a text (up to a dot) or match a pattern. */
export type Rule = readonly [pattern: string | RegExp, fate: ParamStatus];

/**
 * Divides a tree's tensors by the first rule that matches their path. `''` matches every path.
 * @throws when a leaf is covered by no rule: what happens to a parameter is always said.
 */
export function partition(tree: Tree, rules: readonly Rule[]): { trainable: Flat; frozen: Flat } {
  const parts: { trainable: Flat; frozen: Flat } = { trainable: {}, frozen: {} };
  const uncovered: string[] = [];
  for (const [path, tensor] of Object.entries(flatten(tree))) {
    const rule = rules.find(([pattern]) => matches(pattern, path));
    if (rule) parts[rule[1]][path] = tensor;
    else uncovered.push(path);
  }
  if (uncovered.length) {
    throw new Error(`No rule says whether ${uncovered.join(', ')} is trainable or frozen; add one that covers it.`);
  }
  return parts;
}

function matches(pattern: string | RegExp, path: string): boolean {
  if (pattern instanceof RegExp) return pattern.test(path);
  return pattern === '' || path === pattern || path.startsWith(pattern.endsWith('.') ? pattern : `${pattern}.`);
}
