import * as tf from '@tensorflow/tfjs';
import { attend } from './attend.js';
import type { KeyValue } from './key-value.js';
import { placesFor } from './key-value-places.js';
import { appendRows, copyRows, writesInPlace } from './key-value-rows.js';
import type { AttendOptions } from './options.js';

export interface KeyValueCacheOptions {
  /** Columns that there is room for from the beginning; full, the room doubles. Default 64. */
  readonly capacity?: number | undefined;
}

/**
 * The past of one layer of a decoder, one row a text. It owns its tensors and gives none of them away. Nothing that it holds
 * has a gradient.
 */
export interface KeyValueCache {
  /** B */
  readonly rows: number;
  /** P: the columns remembered, the same for all rows. */
  readonly length: number;
  /** Keys and values [B,L,D] of the next L columns; they stay the caller's. */
  append(next: KeyValue): void;
  /** `attend` to all columns: q [B,Q,D] -> [B,Q,D]. */
  attend(q: tf.Tensor, options: CachedAttendOptions): tf.Tensor3D;
  /** Row i becomes what row `parents[i]` was; there may be more or fewer rows than before. */
  reorder(parents: readonly number[]): void;
  dispose(): void;
}

export type CachedAttendOptions = Omit<AttendOptions, 'rows' | 'length'> & { readonly heads: number };

/** Keys and values [S,C,D] with room for more rows and columns than are in use. */
interface MemoryBudget {
  readonly key: tf.Tensor;
  readonly value: tf.Tensor;
}

/**
 * An empty cache. Where the running backend writes in place (`registerAttention`), appending copies what is new, and
 * reordering only rows that have several children; elsewhere both make new tensors of everything.
 */
export function keyValueCache({ capacity = 64 }: KeyValueCacheOptions = {}): KeyValueCache {
  let room: MemoryBudget | undefined;
  /** Whether the backend that made the room writes in it. */
  let inPlace = false;
  let length = 0;
  /** Where in the room each row lies. */
  let slots: readonly number[] = [];
  /** The same as a tensor, where row b does not simply lie at b. */
  let picked: tf.Tensor1D | undefined;

  const capacityOf = (): number => room?.key.shape[1] ?? 0;
  const lie = (where: readonly number[]): void => {
    slots = where;
    picked?.dispose();
    const plain = where.length === room?.key.shape[0] && where.every((slot, row) => slot === row);
    picked = plain ? undefined : tf.keep(tf.tensor1d([...where], 'int32'));
  };
  /** A new room, row i of which is what lay at `from[i]`. */
  const move = (made: (x: tf.Tensor, which: keyof KeyValue) => tf.Tensor, rows: number): void => {
    const old = room as MemoryBudget;
    room = { key: owned(() => made(old.key, 'key')), value: owned(() => made(old.value, 'value')) };
    tf.dispose([old.key, old.value]);
    lie(range(rows));
  };
  const widen = (x: tf.Tensor, from: readonly number[], columns: number): tf.Tensor => {
    const kept = tf.gather(tf.slice(x, [0, 0, 0], [-1, length, -1]), tf.tensor1d([...from], 'int32'));
    return tf.concat([kept, tf.zeros([from.length, columns - length, x.shape[2] as number])], 1);
  };

  return {
    get rows() {
      return slots.length;
    },
    get length() {
      return length;
    },
    append(next) {
      const [B, L, D] = checkedNext(next, room && { rows: slots.length, width: room.key.shape[2] as number });
      const needed = length + L;
      if (!room) inPlace = writesInPlace();
      if (!inPlace) {
        if (room) move((x, which) => tf.concat([x, next[which]], 1), B);
        else room = { key: owned(() => next.key.clone()), value: owned(() => next.value.clone()) };
      } else {
        if (room && needed > capacityOf()) {
          const columns = Math.max(needed, 2 * capacityOf());
          const from = slots;
          move((x) => widen(x, from, columns), B);
        }
        const columns = Math.max(needed, capacity);
        room ??= { key: owned(() => tf.zeros([B, columns, D])), value: owned(() => tf.zeros([B, columns, D])) };
        appendRows(room.key, next.key, { at: length, rows: picked });
        appendRows(room.value, next.value, { at: length, rows: picked });
      }
      if (slots.length === 0) lie(range(B));
      length = needed;
    },
    attend(q, options) {
      if (!room) throw new Error('A key-value cache that is empty cannot be attended to; append to it first.');
      return attend(q, room.key, room.value, { ...options, length, rows: picked });
    },
    reorder(parents) {
      const stranger = parents.find((row) => slots[row] === undefined);
      if (stranger !== undefined) {
        throw new Error(`A cache of ${slots.length} rows has no row ${stranger}; name 0 to ${slots.length - 1}.`);
      }
      if (!room) return;
      const wanted = parents.map((row) => slots[row] as number);
      const places = inPlace ? placesFor(wanted, room.key.shape[0] as number) : undefined;
      if (places) {
        const { from, to } = places;
        if (to.length > 0) for (const x of [room.key, room.value]) copyRows(x, { from, to, length });
        lie(places.slots);
      } else {
        const columns = capacityOf();
        move((x) => (inPlace ? widen(x, wanted, columns) : tf.gather(x, wanted)), parents.length);
      }
    },
    dispose() {
      if (room) tf.dispose([room.key, room.value]);
      picked?.dispose();
      room = undefined;
      picked = undefined;
      slots = [];
      length = 0;
    },
  };
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** What `make` makes, out of reach of the scopes around it. */
const owned = (make: () => tf.Tensor): tf.Tensor => tf.keep(tf.tidy(make));

/** [B,L,D] of what is appended. */
function checkedNext(
  { key, value }: KeyValue,
  old: { rows: number; width: number } | undefined,
): [B: number, L: number, D: number] {
  if (key.rank !== 3 || key.shape.join() !== value.shape.join()) {
    throw new Error(`A cache takes keys and values [B,L,D] of one shape, not [${key.shape}] and [${value.shape}].`);
  }
  if (old && (key.shape[0] !== old.rows || key.shape[2] !== old.width)) {
    throw new Error(`A cache of [${old.rows},P,${old.width}] cannot be followed by keys [${key.shape}].`);
  }
  return key.shape as [number, number, number];
}
