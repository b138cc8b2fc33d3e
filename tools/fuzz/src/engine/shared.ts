/** What worker and watchdog share, so that an input is known even when whoever reads it never comes back. */
export interface Board {
  readonly buffer: SharedArrayBuffer;
  /** Says which input is read now; `again` where it was read before, and is read to see what it reaches. */
  show(input: Uint8Array, again?: boolean): void;
  /** How many inputs were shown. */
  readonly turn: number;
  /** How many of them for the first time, and how many of these were loaded. */
  readonly inputs: number;
  readonly loaded: number;
  count(): void;
  readonly input: Uint8Array;
}

const HEAD = 16;
const MOST = 2 ** 22;

export function board(buffer = new SharedArrayBuffer(HEAD + MOST)): Board {
  const head = new Int32Array(buffer, 0, 4); // turn, bytes, inputs, loaded
  const bytes = new Uint8Array(buffer, HEAD);
  return {
    buffer,
    show(input, again = false) {
      const kept = input.subarray(0, MOST);
      bytes.set(kept);
      Atomics.store(head, 1, kept.length);
      if (!again) Atomics.add(head, 2, 1);
      Atomics.add(head, 0, 1);
    },
    get turn() {
      return Atomics.load(head, 0);
    },
    count: () => void Atomics.add(head, 3, 1),
    get loaded() {
      return Atomics.load(head, 3);
    },
    get inputs() {
      return Atomics.load(head, 2);
    },
    get input() {
      return bytes.slice(0, Atomics.load(head, 1));
    },
  };
}
