import * as tf from '@tensorflow/tfjs';
import type { Communicator } from './communicator.js';

/**
 * Runs a function on process 0 alone, and gives its result, a value for JSON, to all; where it throws there, the others go on
 * waiting until that process is reported as failed. A single process just runs it.
 */
export async function onFirst<T>(communicator: Communicator, run: () => Promise<T>): Promise<T> {
  if (communicator.size === 1) return run();
  const bytes = communicator.rank === 0 ? toBytes(await run()) : new Uint8Array();
  const [length = 0] = await exchanged([bytes.length], (x) => communicator.broadcast(x));
  const codes = await exchanged(padded(bytes, length), (x) => communicator.broadcast(x));
  return fromBytes(codes) as T;
}

/** Gives every process the values of all, for JSON, by rank. */
export async function gatherJson<T>(communicator: Communicator, value: T): Promise<T[]> {
  if (communicator.size === 1) return [value];
  const bytes = toBytes(value);
  const lengths = await exchanged([bytes.length], (x) => communicator.allGather(x));
  const longest = Math.max(...lengths);
  const all = await exchanged(padded(bytes, longest), (x) => communicator.allGather(x));
  return Array.from(lengths, (length, rank) => fromBytes(all.subarray(rank * longest, rank * longest + length)) as T);
}

/** A record, so that `undefined` is a value too. */
const toBytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify({ value }));
const fromBytes = (codes: ArrayLike<number>): unknown =>
  (JSON.parse(new TextDecoder().decode(Uint8Array.from(codes))) as { value?: unknown }).value;

const padded = (bytes: Uint8Array, length: number): Int32Array => {
  const codes = new Int32Array(length);
  codes.set(bytes);
  return codes;
};

async function exchanged(
  values: Int32Array | number[],
  collective: (x: tf.Tensor) => Promise<tf.Tensor>,
): Promise<Int32Array> {
  const own = tf.tensor1d(values, 'int32');
  const all = await collective(own).finally(() => own.dispose());
  return (await all.data().finally(() => all.dispose())) as Int32Array;
}
