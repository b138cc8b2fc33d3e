import { isQuantized } from './quantized/matrix.js';
import { type Flat, flatten, type Tree } from './tree.js';

/** Whether a parameter is trained. */
export type ParamStatus = 'trainable' | 'frozen';

/**
 * The status of the parameters whose path matches a regular expression, or starts with the names of a string, in which `*`
 * stands for any one name: `encoder.layers.*.mlp`.
 */
export type Rule = readonly [pattern: string | RegExp, status: ParamStatus];

/**
 * Partitions a tree's tensors into trainable and frozen ones by the first rule that matches their path; `''` matches all.
 * @throws when a path matches no rule, as the status of each parameter must be explicit, and for a packed matrix that would
 *   be trainable
 */
export function partition(tree: Tree, rules: readonly Rule[]): { trainable: Flat; frozen: Flat } {
  const parts: { trainable: Flat; frozen: Flat } = { trainable: {}, frozen: {} };
  const uncovered: string[] = [];
  for (const [path, tensor] of Object.entries(flatten(tree))) {
    const rule = rules.find(([pattern]) => matchesPath(pattern, path));
    if (rule?.[1] === 'trainable' && isQuantized(tensor))
      throw new Error(
        `'${path}' is packed as ${tensor.format} and cannot be trained; freeze it, or load it as float32.`,
      );
    if (rule) parts[rule[1]][path] = tensor;
    else uncovered.push(path);
  }
  if (uncovered.length) {
    throw new Error(`No rule matches ${uncovered.join(', ')}; add one that makes it trainable or frozen.`);
  }
  return parts;
}

/** Tells whether the path of a parameter matches the pattern of a `Rule`. */
export function matchesPath(pattern: string | RegExp, path: string): boolean {
  if (pattern instanceof RegExp) return pattern.test(path);
  const names = path.split('.');
  return pattern
    .split('.')
    .filter((name) => name !== '')
    .every((name, i) => (name === '*' ? i < names.length : name === names[i]));
}
