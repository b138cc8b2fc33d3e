import { type Flat, flatten, type Tree } from './tree.js';

/** Whether a parameter is trained. */
export type ParamStatus = 'trainable' | 'frozen';

/** The status of the parameters whose path matches a regular expression, or starts with the names of a string. */
export type Rule = readonly [pattern: string | RegExp, status: ParamStatus];

/**
 * Partitions a tree's tensors into trainable and frozen ones by the first rule that matches their path; `''` matches all.
 * @throws when a path matches no rule, as the status of each parameter must be explicit
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
    throw new Error(`No rule matches ${uncovered.join(', ')}; add one that makes it trainable or frozen.`);
  }
  return parts;
}

function matches(pattern: string | RegExp, path: string): boolean {
  if (pattern instanceof RegExp) return pattern.test(path);
  return pattern === '' || path === pattern || path.startsWith(pattern.endsWith('.') ? pattern : `${pattern}.`);
}
