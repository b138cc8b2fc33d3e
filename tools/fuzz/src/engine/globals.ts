const watched = { Object, Array, Function, String, Number, Map, Set, Error, Promise, RegExp, JSON, Math, globalThis };

const keysOf = (value: object): string => Reflect.ownKeys(value).map(String).sort().join();

type Snapshot = ReadonlyMap<string, string>;

function snapshot(): Snapshot {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(watched)) {
    found.set(name, keysOf(value));
    const { prototype } = value as { prototype?: object };
    if (prototype) found.set(`${name}.prototype`, keysOf(prototype));
  }
  return found;
}

let before: Snapshot | undefined;

/** Remembers what all code shares, as it is now. */
export function watchGlobals(): void {
  before = snapshot();
}

/** What all code shares and has new or lost members since `watchGlobals`; remembered anew. */
export function changedGlobals(): string | undefined {
  if (!before) return undefined;
  const now = snapshot();
  const changed = [...now].filter(([name, keys]) => before?.get(name) !== keys).map(([name]) => name);
  if (changed.length === 0) return undefined;
  before = now;
  return changed.join(', ');
}
