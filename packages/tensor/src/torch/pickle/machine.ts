import { Cursor } from './cursor.js';
import type { Value } from './values.js';

/** How a pickle machine reports errors and resolves persistent ids. */
export interface MachineOptions {
  /** Makes the error to throw from a problem and a remedy. */
  readonly fail: (problem: string, remedy?: string) => Error;
  /** Resolves a persistent id; in files of torch, to a storage. */
  readonly persistent: (id: Value) => Value;
}

/** Memory that a pickle of N bytes may take: FREE + EACH * N. Those of torch.save take 20 to 40 per byte. */
const FREE = 16 * 2 ** 20;
const EACH = 48;

/**
 * The state of a restricted pickle machine: a stack, marks on it, and a memo. Opcodes are functions over it. Nothing is
 * evaluated: Python names are looked up in a table of known ones (`calls.ts`), and rejected otherwise.
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

  /** Counts memory before it is allocated, approximately, and never releases it. @throws beyond the limit */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw this.fail('the pickle would expand to far more than its size');
  }

  push(value: Value): void {
    this.spend(32);
    this.#stack.push(value);
  }

  pop(): Value {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0))
      throw this.fail('the pickle pops more values than it has pushed');
    return this.#stack.pop()!;
  }

  /** Returns the top value without removing it. */
  top(): Value {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  mark(): void {
    this.spend(32);
    this.#marks.push(this.#stack.length);
  }

  /** Removes everything above the last mark, and the mark. */
  popToMark(): Value[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.fail('the pickle refers to a mark that it has not set');
    const values = this.#stack.splice(mark);
    this.spend(64 + 8 * values.length);
    return values;
  }
}
