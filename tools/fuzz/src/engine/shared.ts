/** What worker and watchdog share, so that an input is known even when whoever reads it never comes back. */
export interface Board {
  readonly buffer: SharedArrayBuffer;
  /** Says which input is read now. */
  show(input: Uint8Array): void;
  /** How many inputs were shown. */
  readonly turn: number;
  readonly input: Uint8Array;
}

const MOST = 2 ** 22;

export function board(buffer = new SharedArrayBuffer(8 + MOST)): Board {
  const head = new Int32Array(buffer, 0, 2);
  const bytes = new Uint8Array(buffer, 8);
  return {
    buffer,
    show(input) {
      const kept = input.subarray(0, MOST);
      bytes.set(kept);
      Atomics.store(head, 1, kept.length);
      Atomics.add(head, 0, 1);
    },
    get turn() {
      return Atomics.load(head, 0);
    },
    get input() {
      return bytes.slice(0, Atomics.load(head, 1));
    },
  };
}
