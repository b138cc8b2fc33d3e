import { dispose, type Flat, type LossTerms } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { disposeGradients, type Gradients } from './accumulate.js';
import type { Communicator, Reduction } from './communicator.js';

/** Buckets of an update: the more, the earlier the first is sent; the fewer, the less each waits for the network's latency. */
const BUCKETS = 8;
const SMALLEST = 2 ** 14; // values
const LARGEST = 25 * 2 ** 18;

interface Entry {
  readonly path: string;
  readonly shape: readonly number[];
  readonly offset: number;
}

interface Bucket {
  readonly values: Float32Array;
  readonly entries: Entry[];
  /** Values that are filled. */
  used: number;
  reduction?: Reduction;
}

/**
 * Sums the loss terms and gradients of one update over all processes, in buckets of several gradients: a bucket is sent as soon
 * as it is full, while the backward pass goes on (PyTorch DDP; Li et al. 2020). All processes compute the same graph, and so
 * fill their buckets alike; each bucket has a check of it.
 */
export class BucketReducer {
  readonly #communicator: Communicator;
  readonly #capacity: number;
  readonly #buckets: Bucket[] = [];
  readonly #added = new Set<string>();
  #open: Bucket | undefined;

  constructor(communicator: Communicator, trainable: Flat) {
    this.#communicator = communicator;
    const total = Object.values(trainable).reduce((sum, { size }) => sum + size, 0);
    this.#capacity = Math.min(LARGEST, Math.max(SMALLEST, Math.ceil(total / BUCKETS)));
  }

  /** Copies a gradient that is final in this process: the sum of the parts. */
  add(path: string, parts: readonly tf.Tensor[]): void {
    const [first, ...more] = parts as [tf.Tensor, ...tf.Tensor[]];
    if (this.#open && this.#open.used + first.size > this.#open.values.length - 1) this.#send();
    this.#open ??= { values: new Float32Array(Math.max(this.#capacity, first.size) + 1), entries: [], used: 0 };
    const { values, entries, used: offset } = this.#open;
    values.set(first.dataSync() as Float32Array, offset);
    for (const part of more) {
      const summands = part.dataSync();
      for (let i = 0; i < summands.length; i++) values[offset + i]! += summands[i] as number;
    }
    entries.push({ path, shape: first.shape, offset });
    this.#open.used += first.size;
    this.#added.add(path);
    for (const { reduction } of this.#buckets) reduction?.progress();
  }

  /**
   * Adds the terms and what was not added before, and waits for the sums of all processes. Frees what is given.
   * @throws where processes have gradients of other parameters
   */
  async finish(local: Gradients): Promise<Gradients> {
    try {
      for (const [path, grad] of Object.entries(local.grads)) if (!this.#added.has(path)) this.add(path, [grad]);
      for (const [name, term] of Object.entries(local.terms)) this.add(TERM + name, [term]);
      this.#send();
    } finally {
      disposeGradients(local);
    }
    for (const bucket of this.#buckets) await this.#reduced(bucket);
    const [terms, grads]: [Flat, Flat] = [{}, {}];
    for (const { values, entries } of this.#buckets) {
      for (const { path, shape, offset } of entries) {
        const sum = tf.tensor(values.subarray(offset, offset + tf.util.sizeFromShape([...shape])), [...shape]);
        if (path.startsWith(TERM)) terms[path.slice(TERM.length)] = sum;
        else grads[path] = sum;
      }
    }
    return { terms: terms as LossTerms, grads };
  }

  #send(): void {
    const bucket = this.#open;
    if (!bucket) return;
    this.#open = undefined;
    const { values, entries, used } = bucket;
    values[used] = checkOf(entries);
    const sent = values.subarray(0, used + 1);
    const { startAllReduce } = this.#communicator;
    if (startAllReduce) bucket.reduction = startAllReduce.call(this.#communicator, sent);
    this.#buckets.push(bucket);
  }

  async #reduced({ values, entries, used, reduction }: Bucket): Promise<void> {
    if (reduction) await reduction.done();
    else {
      const own = tf.tensor1d(values.subarray(0, used + 1));
      const sum = await this.#communicator.allReduce(own).finally(() => own.dispose());
      values.set(await sum.data().finally(() => sum.dispose()));
    }
    if (values[used] === this.#communicator.size * checkOf(entries)) return;
    throw new Error(
      'The processes have gradients of different parameters; give all of them the same configuration and kind of batches.',
    );
  }
}

/** Cannot begin the path of a parameter. */
const TERM = '\0';

/** A number for the paths and sizes in a bucket, small enough that its multiples are exact in float32. */
const checkOf = (entries: readonly Entry[]): number => {
  let check = entries.length;
  for (const { path, offset } of entries) {
    for (const character of path) check = (31 * check + (character.codePointAt(0) as number)) % 4093;
    check = (31 * check + offset) % 4093;
  }
  return check;
};

/** Gives every process the tensors of process 0 in place of its own, which are freed. */
export async function broadcastAll(communicator: Communicator, flat: Flat): Promise<Flat> {
  const received: Flat = {};
  try {
    for (const [path, tensor] of Object.entries(flat)) received[path] = tf.keep(await communicator.broadcast(tensor));
  } catch (error) {
    dispose(received);
    throw error;
  }
  dispose(flat);
  return received;
}
