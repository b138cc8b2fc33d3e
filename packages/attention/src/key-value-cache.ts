import * as tf from '@tensorflow/tfjs';
import { attend } from './attend.js';
import { extendFused } from './fused/extend.js';
import type { KeyValue } from './key-value.js';
import { placesFor } from './key-value-places.js';
import { appendRows, copyRows, writesInPlace } from './key-value-rows.js';
import type { CachedAttendOptions } from './options.js';
import { rotary } from './rotary.js';
import type { RotaryTables } from './rotary-tables.js';

/** Options of `keyValueCache`. */
export interface KeyValueCacheOptions {
  /** Initial capacity in positions, which grows by a half when it is full. Default 64. */
  readonly capacity?: number | undefined;
}

/**
 * The key-value cache of a decoder layer, one row per sequence. It owns its tensors, which have no gradient.
 */
export interface KeyValueCache {
  /** Number of sequences, B. */
  readonly rows: number;
  /** Number of positions, the same for all rows. */
  readonly length: number;
  /** Appends keys and values [B,L,D] of the next L positions; they stay the caller's. @throws when the shapes do not match */
  append(next: KeyValue): void;
  /** Computes attention over all positions: q [B,Q,D] -> [B,Q,D]. @throws when the cache is empty */
  attend(q: tf.Tensor, options: CachedAttendOptions): tf.Tensor3D;
  /**
   * Appends keys and values, and computes attention of their queries: `append` and `attend`, as one kernel where the current
   * backend has one. With `rotations`, queries and keys are rotated first.
   * @throws as these do
   */
  extend(q: tf.Tensor, next: KeyValue, options: ExtendOptions): tf.Tensor3D;
  /** Replaces row i by what row `parents[i]` was; the number of rows may change. @throws for a row that does not exist */
  reorder(parents: readonly number[]): void;
  /** Frees the tensors; the cache is then empty. */
  dispose(): void;
}

/** Options of `extend`. */
export interface ExtendOptions extends CachedAttendOptions {
  /** Rotary positions of the new columns: tables, and their rows int32 [L] or [B,L]. Default: none are rotated. */
  readonly rotations?: { readonly tables: RotaryTables; readonly positions?: tf.Tensor | undefined } | undefined;
}

/** Keys and values [S,C,D], of which only some rows and positions may be in use. */
interface Buffers {
  readonly key: tf.Tensor;
  readonly value: tf.Tensor;
}

/**
 * Creates an empty key-value cache. Where the current backend can write in place (`registerAttention`), appending copies only
 * the new positions, and reordering only rows that are repeated; elsewhere both create new tensors.
 */
export function keyValueCache({ capacity = 64 }: KeyValueCacheOptions = {}): KeyValueCache {
  let buffers: Buffers | undefined;
  /** Whether the backend that allocated the buffers writes in place. */
  let inPlace = false;
  let length = 0;
  /** The row of the buffers in which each row is stored. */
  let slots: readonly number[] = [];
  /** `slots` as a tensor, where they are not 0, 1, 2, … */
  let picked: tf.Tensor1D | undefined;

  const capacityOf = (): number => buffers?.key.shape[1] ?? 0;
  const setSlots = (where: readonly number[]): void => {
    slots = where;
    picked?.dispose();
    const plain = where.length === buffers?.key.shape[0] && where.every((slot, row) => slot === row);
    picked = plain ? undefined : tf.keep(tf.tensor1d([...where], 'int32'));
  };
  /** Replaces the buffers, with rows in order. */
  const replace = (compute: (x: tf.Tensor, which: keyof KeyValue) => tf.Tensor, rows: number): void => {
    const old = buffers as Buffers;
    buffers = { key: owned(() => compute(old.key, 'key')), value: owned(() => compute(old.value, 'value')) };
    tf.dispose([old.key, old.value]);
    setSlots(range(rows));
  };
  const widen = (x: tf.Tensor, from: readonly number[], columns: number): tf.Tensor => {
    const kept = tf.gather(tf.slice(x, [0, 0, 0], [-1, length, -1]), tf.tensor1d([...from], 'int32'));
    return tf.concat([kept, tf.zeros([from.length, columns - length, x.shape[2] as number])], 1);
  };

  /** Makes buffers with room for what comes next, where the backend writes in place. @returns [B,L,D] */
  const reserve = (next: KeyValue): [B: number, L: number, D: number] => {
    const old = slots.length > 0 ? { rows: slots.length, width: buffers?.key.shape[2] as number } : undefined;
    const [B, L, D] = checkedNext(next, old);
    if (!buffers) inPlace = writesInPlace();
    if (!inPlace) return [B, L, D];
    const needed = length + L;
    if (buffers && needed > capacityOf()) {
      const columns = Math.max(needed, Math.ceil(1.5 * capacityOf()));
      const from = slots;
      replace((x) => widen(x, from, columns), B);
    }
    const columns = Math.max(needed, capacity);
    buffers ??= { key: owned(() => tf.zeros([B, columns, D])), value: owned(() => tf.zeros([B, columns, D])) };
    return [B, L, D];
  };
  const grow = (B: number, L: number): void => {
    if (slots.length === 0) setSlots(range(B));
    length += L;
  };

  const cache: KeyValueCache = {
    get rows() {
      return slots.length;
    },
    get length() {
      return length;
    },
    append(next) {
      const [B, L] = reserve(next);
      if (inPlace) {
        const { key, value } = buffers as Buffers;
        appendRows(key, next.key, { at: length, rows: picked });
        appendRows(value, next.value, { at: length, rows: picked });
      } else if (buffers) replace((x, which) => tf.concat([x, next[which]], 1), B);
      else buffers = { key: owned(() => next.key.clone()), value: owned(() => next.value.clone()) };
      grow(B, L);
    },
    attend(q, options) {
      if (!buffers) throw new Error('The key-value cache is empty; append keys and values first.');
      return attend(q, buffers.key, buffers.value, { ...options, length, rows: picked });
    },
    extend(q, next, { rotations, ...options }) {
      const [B, L] = reserve(next);
      const fused =
        inPlace && extendFused(q, next, { ...options, ...(buffers as Buffers), at: length, rows: picked, rotations });
      if (fused) {
        grow(B, L);
        return fused;
      }
      return tf.tidy(() => {
        const { heads, keyHeads = heads } = options;
        const rotated = (x: tf.Tensor, heads: number) => (rotations ? rotary(x, { heads, ...rotations }) : x);
        cache.append({ key: rotated(next.key, keyHeads), value: next.value });
        return cache.attend(rotated(q, heads), options);
      });
    },
    reorder(parents) {
      const unknown = parents.find((row) => slots[row] === undefined);
      if (unknown !== undefined) {
        throw new Error(`A cache of ${slots.length} rows has no row ${unknown}; choose 0 to ${slots.length - 1}.`);
      }
      if (!buffers) return;
      const wanted = parents.map((row) => slots[row] as number);
      const places = inPlace ? placesFor(wanted, buffers.key.shape[0] as number) : undefined;
      if (places) {
        const { from, to } = places;
        if (to.length > 0) for (const x of [buffers.key, buffers.value]) copyRows(x, { from, to, length });
        setSlots(places.slots);
      } else {
        const columns = capacityOf();
        replace((x) => (inPlace ? widen(x, wanted, columns) : tf.gather(x, wanted)), parents.length);
      }
    },
    dispose() {
      if (buffers) tf.dispose([buffers.key, buffers.value]);
      picked?.dispose();
      buffers = undefined;
      picked = undefined;
      slots = [];
      length = 0;
    },
  };
  return cache;
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Computes a tensor that outlives the surrounding scopes. */
const owned = (make: () => tf.Tensor): tf.Tensor => tf.keep(tf.tidy(make));

/** Checks what is appended and returns [B,L,D]. */
function checkedNext(
  { key, value }: KeyValue,
  old: { rows: number; width: number } | undefined,
): [B: number, L: number, D: number] {
  if (key.rank !== 3 || key.shape.join() !== value.shape.join()) {
    throw new Error(
      `A cache needs keys and values [B,L,D] of the same shape, not [${key.shape}] and [${value.shape}].`,
    );
  }
  if (old && (key.shape[0] !== old.rows || key.shape[2] !== old.width)) {
    throw new Error(`Keys [${key.shape}] cannot be appended to a cache of [${old.rows},P,${old.width}].`);
  }
  return key.shape as [number, number, number];
}
