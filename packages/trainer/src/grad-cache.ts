import {
  dispose,
  type FirstPart,
  type Flat,
  firstPart,
  keep,
  type LossTerms,
  mapFlat,
  type OnGradient,
  valueAndGrads,
} from '@blip2/tensor';
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

/** Features and labels of all batches of an update: batch after batch, of each the examples of process 0 first. */
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
  /** The index of each batch's first example of this process among all. */
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
  /** What the result is added to; it is freed, also where this throws. Default: nothing. */
  readonly sum?: Gradients | undefined;
  /**
   * Called with a gradient, as parts whose sum it is, when it is final in this process, while others are still computed.
   * It is not called for those that the last batch has no share in.
   */
  readonly onGradient?: ((path: string, parts: readonly tf.Tensor[]) => void) | undefined;
}

/**
 * Computes the loss terms and gradients of the batches of an update as if they were one batch. Of several processes each has
 * its share of every batch: summed over them, terms and gradients are those of the whole. A process with one batch encodes it
 * once, and keeps what the gradients need until it has the features of all.
 * @returns terms and gradients that the caller owns
 */
export async function gradCache<B, C, T extends LossTerms>(
  loss: GradCacheLoss<B, C, T>,
  options: GradCacheOptions<B>,
): Promise<Gradients> {
  const { trainable, inputs, seed = inputs[0]?.seed ?? 0, communicator = singleProcess, onGradient } = options;
  const once = communicator.size > 1 && inputs.length === 1;
  let open: FirstPart<EncodedBatch<C, T>> | undefined;
  const owned: Flat[] = [];
  const own = (flat: Flat): Flat => {
    owned.push(flat);
    return flat;
  };
  let { sum } = options;
  let contexts: BatchContexts<C> | undefined;
  try {
    const encoded = inputs.map((input) => {
      if (once) {
        open = firstPart(() => loss.encode({ ...input, trainable }));
        return { features: open.result.features, labels: open.result.labels ?? {} };
      }
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
    const offsets = offsetsOf(rows, communicator);
    const compared = compare(loss, all, communicator.size);
    own(compared.features);
    sum = sum ? plus(sum, compared.shared) : compared.shared;
    contexts = await loss.context?.({ ...all, batches: inputs.map(({ batch }) => batch), offsets, communicator });
    for (const [i, input] of inputs.entries()) {
      const own = { begin: offsets[i] as number, rows: rows[i] as number };
      const given = { features: compared.features, context: contexts?.each[i] as C, ...own };
      const before = sum.grads;
      const report =
        onGradient && i === inputs.length - 1
          ? (path: string, grad: tf.Tensor): void => onGradient(path, [grad, ...(before[path] ? [before[path]] : [])])
          : undefined;
      sum = plus(
        sum,
        open
          ? withGradients(open, trainable, given, report)
          : encodeWithGradients(loss, { ...input, trainable }, given, report),
      );
    }
    return sum;
  } catch (error) {
    if (sum) disposeGradients(sum);
    throw error;
  } finally {
    owned.forEach(dispose);
    open?.dispose();
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
      all[name] = await gatherBatches(
        parts.map((part) => part[name] as tf.Tensor),
        communicator,
      );
    }
    return all;
  } catch (error) {
    dispose(all);
    throw error;
  }
}

/**
 * Gathers the rows of batches from all processes: batch after batch, of each those of process 0 first. Processes have equally
 * many rows of a batch.
 */
export async function gatherBatches(batches: readonly tf.Tensor[], communicator: Communicator): Promise<tf.Tensor> {
  const local = tf.tidy(() => tf.concat([...batches]));
  const byRank = await communicator.allGather(local).finally(() => local.dispose());
  if (communicator.size === 1 || batches.length === 1) return byRank;
  const counts = batches.map(({ shape }) => shape[0] as number);
  const own = counts.reduce((sum, count) => sum + count, 0);
  let begin = 0;
  const order: number[] = [];
  for (const count of counts) {
    for (let rank = 0; rank < communicator.size; rank++) {
      for (let row = 0; row < count; row++) order.push(rank * own + begin + row);
    }
    begin += count;
  }
  const byBatch = tf.tidy(() => tf.gather(byRank, tf.tensor1d(order, 'int32')));
  byRank.dispose();
  return byBatch;
}

const rowsOf = (features: Flat): number => Object.values(features)[0]?.shape[0] ?? 0;

function offsetsOf(rows: readonly number[], { rank, size }: Communicator): number[] {
  let begin = 0;
  return rows.map((count) => {
    begin += size * count;
    return begin - (size - rank) * count;
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
  onGradient?: OnGradient,
): Gradients {
  const { terms, grads: own } = valueAndGrads(
    () => {
      const encoded = loss.encode(input);
      const products = Object.entries(encoded.features).flatMap(([name, x]) => {
        const grad = grads[name];
        return grad ? [tf.sum(tf.mul(x, tf.slice(grad, begin, rows)))] : [];
      });
      const { total, ...others } = encoded.losses?.(context) ?? { total: tf.scalar(0) };
      return distinct({ total: tf.addN([total, ...products]) as tf.Scalar, ...others, [VALUE]: total });
    },
    input.trainable,
    onGradient,
  );
  const { total, [VALUE]: value, ...others } = terms as LossTerms & { [VALUE]: tf.Scalar };
  total.dispose();
  return { terms: { total: value, ...others }, grads: own };
}

/** The second part of a batch that is encoded already. */
function withGradients<C, T extends LossTerms>(
  open: FirstPart<EncodedBatch<C, T>>,
  trainable: Flat,
  { features: grads, context, begin, rows }: Given<C>,
  onGradient?: OnGradient,
): Gradients {
  return tf.tidy(() => {
    const { features, losses } = open.result;
    const slopes = Object.entries(features).flatMap(([name, x]) => {
      const grad = grads[name];
      return grad ? [[x, tf.slice(grad, begin, rows)] as const] : [];
    });
    return open.finish(() => distinct(losses?.(context) ?? { total: tf.scalar(0) }), trainable, { slopes, onGradient });
  });
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
