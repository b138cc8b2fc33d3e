import { quote } from '../safetensors/errors.js';
import { isDict, isTensor, type TorchTensor, type Value } from './pickle/values.js';

/** Keys under which checkpoints hold the model beside its training state; the first that exists is used. */
const ROOTS = ['model', 'state_dict', 'module'];
const DEEPEST = 16;
/** Limits of values, and of letters in all names together: a memoized value can occur many times at no cost. */
const MOST = { values: 2 ** 17, letters: 2 ** 24 };

type Fail = (problem: string, remedy?: string) => Error;

/**
 * Returns the tensors of a checkpoint by name: those below `root`, or below the first of `model`, `state_dict` and `module`
 * that is a dict, or all. Keys of nested dicts are joined by dots.
 * @throws for a root that does not exist or has no tensors
 */
export function tensorsOf(value: Value, fail: Fail, root?: string): Map<string, TorchTensor> {
  const key = root ?? ROOTS.find((name) => isDict(value) && isDict(value.get(name))) ?? '';
  const top = key === '' ? value : isDict(value) ? value.get(key) : undefined;
  const found = new Map<string, TorchTensor>();
  const left = { ...MOST };
  const visit = (node: Value, path: string, depth: number): void => {
    left.values--;
    left.letters -= path.length;
    if (Math.min(left.values, left.letters) < 0 || depth > DEEPEST) {
      throw fail('its dicts are nested too deep, or too large');
    }
    if (isTensor(node)) found.set(path, node);
    else if (isDict(node)) {
      for (const [name, child] of node) {
        if (isName(name)) visit(child, path ? `${path}.${name}` : `${name}`, depth + 1);
      }
    }
  };
  if (top !== undefined) visit(top, '', 0);
  if (found.size > 0) return found;
  const keys = isDict(value)
    ? [...value.keys()]
        .filter(isName)
        .slice(0, 8)
        .map((name) => quote(`${name}`))
    : [];
  const there = keys.length > 0 ? `; its top-level keys are ${keys.join(', ')}` : '';
  throw fail(
    `there are no tensors ${key ? `under ${quote(key)}` : 'in it'}${there}`,
    "set 'root' to the key that holds them",
  );
}

const isName = (key: Value): key is string | number => typeof key === 'string' || typeof key === 'number';
