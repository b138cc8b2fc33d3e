import { dispose, type Flat, keep, type LossTerms, mapFlat, valueAndGrads } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { disposeGradients, type Gradients } from './accumulate.js';
import { type Communicator, singleProcess } from './communicator.js';
import type { LossInput } from './position.js';

/** Some of the terms of a loss, and their total. */
export type SomeTerms<T extends LossTerms> = Partial<T> & Pick<T, 'total'>;

/** A batch of an update, encoded. */
export interface EncodedBatch<C = unknown, T extends LossTerms = LossTerms> {
  /** What is compared with that of the other batches, by name; the first axis counts the batch's examples. */
  readonly features: Flat;
  /** What comparing needs beside features, without gradients, such as ids; the first axis counts examples too. */
  readonly labels?: Flat;
  /** Computes the batch's share of the other losses: the terms of all batches are summed. Default: there are none. */
  losses?(context: C): SomeTerms<T>;
}

/** Features and labels of all batches of an update: those of process 0 first, and of each in the order of its batches. */
export interface AllFeatures {
  readonly features: Flat;
  readonly labels: Flat;
  /** The current tensors by path. */
  readonly trainable: Flat;
  /** The seed of the update, in every process the same. */
  readonly seed: number;
}

/** What `context` is given; all of it is borrowed. */
export interface ContextInput<B> extends AllFeatures {
  /** The batches of this process. */
  readonly batches: readonly B[];
  /** The index of each batch's first example among those of all processes. */
  readonly offsets: readonly number[];
  readonly communicator: Communicator;
}

/** What the batches of an update need of each other for their own losses. */
export interface BatchContexts<C> {
  /** One for each batch of this process. */
  readonly each: readonly C[];
  /** Frees the tensors. */
  dispose(): void;
}

/**
 * A loss that compares the examples of all batches of an update with each other, as contrastive losses do, for gradients in
 * the memory of one batch (GradCache; Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited
 * Setup"). Every batch is encoded twice: first for its features alone, then for gradients, given those of the features.
 */
export interface GradCacheLoss<B, C = unknown, T extends LossTerms = LossTerms> {
  /** Encodes a batch. Synchronous, and the same both times, dropout included. */
  encode(input: LossInput<B>): EncodedBatch<C, T>;
  /** Computes the terms of all features together. Synchronous. */
  compare(all: AllFeatures): SomeTerms<T>;
  /** Prepares what batches need of each other, such as hard negatives; may wait for other processes. */
  context?(input: ContextInput<B>): Promise<BatchContexts<C>>;
}

/** Options of `gradCache`. */
export interface GradCacheOptions<B> {
  /** Tensors to train, by path. */
  readonly trainable: Flat;
  /** The batches of the update in this process, with their positions; they stay the caller's. */
  readonly inputs: readonly Omit<LossInput<B>, 'trainable'>[];
  /** The seed of `compare` and `context`, the same in every process. Default: that of the first batch. */
  readonly seed?: number;
  /** The processes that train together, each with equally many examples. Default: this one alone. */
  readonly communicator?: Communicator;
}

/**
 * Computes the loss terms and gradients of the batches of an update as if they were one batch. Of several processes each has
 * its share: summed over them, terms and gradients are those of all their batches.
 * @returns terms and gradients that the caller owns
 */
export async function gradCache<B, C, T extends LossTerms>(
  loss: GradCacheLoss<B, C, T>,
  { trainable, inputs, seed = inputs[0]?.seed ?? 0, communicator = singleProcess }: GradCacheOptions<B>,
): Promise<Gradients> {
  const owned: Flat[] = [];
  const own = (flat: Flat): Flat => {
    owned.push(flat);
    return flat;
  };
  let sum: Gradients | undefined;
  let contexts: BatchContexts<C> | undefined;
  try {
    const encoded = inputs.map((input) => {
      const { features, labels } = encodeAlone(loss, { ...input, trainable });
      return { features: own(features), labels: own(labels) };
    });
    const all: AllFeatures = {
      features: own(
        await gather(
          encoded.map(({ features }) => features),
          communicator,
        ),
      ),
      labels: own(
        await gather(
          encoded.map(({ labels }) => labels),
          communicator,
        ),
      ),
      trainable,
      seed,
    };
    const rows = encoded.map(({ features }) => rowsOf(features));
    const offsets = offsetsOf(rows, communicator.rank);
    const compared = compare(loss, all, communicator.size);
    own(compared.features);
    sum = compared.shared;
    contexts = await loss.context?.({ ...all, batches: inputs.map(({ batch }) => batch), offsets, communicator });
    for (const [i, input] of inputs.entries()) {
      const own = { begin: offsets[i] as number, rows: rows[i] as number };
      const given = { features: compared.features, context: contexts?.each[i] as C, ...own };
      sum = plus(sum, encodeWithGradients(loss, { ...input, trainable }, given));
    }
    return sum;
  } catch (error) {
    if (sum) disposeGradients(sum);
    throw error;
  } finally {
    owned.forEach(dispose);
    contexts?.dispose();
  }
}

/** The first pass over a batch: features and labels, without a tape. */
function encodeAlone<B, C, T extends LossTerms>(loss: GradCacheLoss<B, C, T>, input: LossInput<B>) {
  return tf.tidy(() => {
    const { features, labels = {} } = loss.encode(input);
    const copies = (flat: Flat): Flat => keep(mapFlat(flat, (x) => x.clone()));
    return { features: copies(features), labels: copies(labels) };
  });
}

/** Concatenates what has the same name, and gathers it from all processes. */
async function gather(parts: readonly Flat[], communicator: Communicator): Promise<Flat> {
  const all: Flat = {};
  try {
    for (const name of Object.keys(parts[0] ?? {})) {
      const local = tf.concat(parts.map((part) => part[name] as tf.Tensor));
      all[name] = await communicator.allGather(local).finally(() => local.dispose());
    }
    return all;
  } catch (error) {
    dispose(all);
    throw error;
  }
}

const rowsOf = (features: Flat): number => Object.values(features)[0]?.shape[0] ?? 0;

function offsetsOf(rows: readonly number[], rank: number): number[] {
  let next = rank * rows.reduce((sum, count) => sum + count, 0);
  return rows.map((count) => {
    next += count;
    return next - count;
  });
}

/** The loss of all features: its gradients by them, and this process' share of its terms and of the gradients by parameters. */
function compare<B, C, T extends LossTerms>(
  loss: GradCacheLoss<B, C, T>,
  all: AllFeatures,
  processes: number,
): { features: Flat; shared: Gradients } {
  const named = Object.fromEntries(Object.entries(all.features).map(([name, x]) => [FEATURE + name, x]));
  const { terms, grads } = valueAndGrads(() => distinct(loss.compare(all)), { ...all.trainable, ...named });
  const features: Flat = {};
  const others: Flat = {};
  for (const [path, grad] of Object.entries(grads)) {
    if (path.startsWith(FEATURE)) features[path.slice(FEATURE.length)] = grad;
    else others[path] = grad;
  }
  const share = (flat: Flat): Flat => {
    const shares = mapFlat(flat, (x) => tf.div(x, processes));
    dispose(flat);
    return shares;
  };
  return { features, shared: { terms: share(terms) as LossTerms, grads: share(others) } };
}

/** Cannot begin the path of a parameter. */
const FEATURE = '\0';

interface Given<C> {
  /** The gradients of all features. */
  readonly features: Flat;
  readonly context: C;
  /** The rows of the batch among them. */
  readonly begin: number;
  readonly rows: number;
}

/** The second pass over a batch: the product of its features with their gradients has the gradients of the loss of all. */
function encodeWithGradients<B, C, T extends LossTerms>(
  loss: GradCacheLoss<B, C, T>,
  input: LossInput<B>,
  { features: grads, context, begin, rows }: Given<C>,
): Gradients {
  const { terms, grads: own } = valueAndGrads(() => {
    const encoded = loss.encode(input);
    const products = Object.entries(encoded.features).flatMap(([name, x]) => {
      const grad = grads[name];
      return grad ? [tf.sum(tf.mul(x, tf.slice(grad, begin, rows)))] : [];
    });
    const { total, ...others } = encoded.losses?.(context) ?? { total: tf.scalar(0) };
    return distinct({ total: tf.addN([total, ...products]) as tf.Scalar, ...others, [VALUE]: total });
  }, input.trainable);
  const { total, [VALUE]: value, ...others } = terms as LossTerms & { [VALUE]: tf.Scalar };
  total.dispose();
  return { terms: { total: value, ...others }, grads: own };
}

/** The name of a batch's own total beside the total that is differentiated. */
const VALUE = '\0total';

/** Gives each name a tensor of its own. */
function distinct(terms: object): LossTerms {
  const known = new Set<tf.Tensor>();
  return mapFlat(terms as Flat, (term) => {
    const own = known.has(term) ? term.clone() : term;
    known.add(own);
    return own;
  }) as LossTerms;
}

/** Adds what has the same name and keeps the rest; frees the summands. */
function plus(a: Gradients, b: Gradients): Gradients {
  return { terms: union(a.terms, b.terms) as LossTerms, grads: union(a.grads, b.grads) };
}

function union(a: Flat, b: Flat): Flat {
  const sum: Flat = { ...a };
  for (const [name, more] of Object.entries(b)) {
    const before = sum[name];
    sum[name] = before ? tf.add(before, more) : more;
    if (before) tf.dispose([before, more]);
  }
  return sum;
}
