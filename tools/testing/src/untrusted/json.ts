import fc from 'fast-check';

type Container = Record<string, unknown>;

const REMOVED = Symbol('removed');
const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;

const extremes: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 0.5, 1e9, 2 ** 31, 2 ** 53, 1e308, -1e308, Number.POSITIVE_INFINITY],
  ...['', 'x', '__proto__', 'constructor', 'x'.repeat(10_000)],
  ...[[], {}, [null], { length: 1e9 }, { toString: 1 }, REMOVED, REMOVED],
];

interface Change {
  readonly steps: readonly number[];
  readonly name: string;
  readonly value: unknown;
}

/** Parsed JSON with one to three of its values, anywhere in it, replaced, removed or added. */
export function mutatedJson<T extends object>(valid: T): fc.Arbitrary<T> {
  const change: fc.Arbitrary<Change> = fc.record({
    steps: fc.array(fc.nat(500), { minLength: 1, maxLength: 7 }),
    name: fc.constantFrom('', '', '', '', '__proto__', 'constructor', 'type', 'x'),
    value: fc.oneof(fc.constantFrom(...extremes), fc.jsonValue({ maxDepth: 2 })),
  });
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const json = structuredClone(valid);
    for (const one of changes) apply(json as Container, one);
    return json;
  });
}

function apply(root: Container, { steps, name, value }: Change): void {
  let holder = root;
  for (const [i, step] of steps.entries()) {
    const keys = Object.keys(holder);
    const key = name !== '' && i === steps.length - 1 ? name : (keys[step % Math.max(keys.length, 1)] ?? 'x');
    const inner = Object.hasOwn(holder, key) ? holder[key] : undefined;
    if (i < steps.length - 1 && isContainer(inner)) holder = inner;
    else {
      if (value === REMOVED) delete holder[key];
      else if (!Array.isArray(holder) || /^\d+$/.test(key)) define(holder, key, value);
      return;
    }
  }
}

/** An own property whatever it is called, as JSON.parse makes it. */
const define = (holder: Container, key: string, value: unknown): unknown =>
  Object.defineProperty(holder, key, {
    value: structuredClone(value),
    writable: true,
    enumerable: true,
    configurable: true,
  });
