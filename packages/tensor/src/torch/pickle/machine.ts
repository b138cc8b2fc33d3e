import { Cursor } from './cursor.js';
import type { Value } from './values.js';

export interface MachineOptions {
  /** Makes the error to throw from what is wrong. */
  readonly fail: (problem: string, remedy?: string) => Error;
  /** What a persistent id stands for: in files of torch, a storage. */
  readonly persistent: (id: Value) => Value;
}

/** What a pickle of N bytes may take in memory: FREE + EACH * N. Those of torch.save count 20 to 40 a byte. */
const FREE = 16 * 2 ** 20;
const EACH = 48;

/**
 * The state of a restricted pickle machine: a stack, marks on it, and a memo. Opcodes are functions over it. Nothing is
 * ever evaluated: names of Python are looked up in a table of what is known (`calls.ts`) and refused otherwise.
 */
export class Machine {
  readonly cursor: Cursor;
  readonly fail: MachineOptions['fail'];
  readonly persistent: MachineOptions['persistent'];
  readonly memo: Value[] = [];
  readonly #stack: Value[] = [];
  readonly #marks: number[] = [];
  #left: number;

  constructor(bytes: Uint8Array, at: number, { fail, persistent }: MachineOptions) {
    this.cursor = new Cursor(bytes, at);
    this.fail = fail;
    this.persistent = persistent;
    this.#left = FREE + EACH * (bytes.length - at);
  }

  /** Called before memory is taken: what is counted is about what the engine needs, never to be given back. */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw this.fail('the pickle would unfold to far more than its size');
  }

  push(value: Value): void {
    this.spend(32);
    this.#stack.push(value);
  }

  pop(): Value {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.fail('the pickle takes more than it has put');
    return this.#stack.pop()!;
  }

  /** The value on top, which stays there. */
  top(): Value {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  mark(): void {
    this.spend(32);
    this.#marks.push(this.#stack.length);
  }

  /** Everything above the last mark, which goes too. */
  popToMark(): Value[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.fail('the pickle asks for a mark that it has not set');
    const values = this.#stack.splice(mark);
    this.spend(64 + 8 * values.length);
    return values;
  }
}
