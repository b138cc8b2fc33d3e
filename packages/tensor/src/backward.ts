import * as tf from '@tensorflow/tfjs';
import { runNamed } from './ops/named.js';

/** One recorded op of TensorFlow.js' tape. */
interface TapeNode {
  readonly kernelName: string;
  readonly inputs: { readonly [name: string]: tf.Tensor };
  readonly outputs: readonly tf.Tensor[];
  readonly gradient?: (dys: (tf.Tensor | null)[]) => { readonly [name: string]: () => tf.Tensor };
  /** Copies that share their data, to be freed by the backward pass. */
  readonly saved?: readonly tf.Tensor[];
}

/** Members of TensorFlow.js' engine that its types lack. */
interface TapeEngine {
  startScope(): void;
  endScope(): void;
  startTape(): void;
  endTape(): void;
  readonly state: {
    activeTape: TapeNode[] | null;
    readonly gradientDepth: number;
    readonly activeScope: { id: number; readonly track: readonly tf.Tensor[] };
  };
}
type ScopedTensor = tf.Tensor & { readonly scopeId: number };

const engine = (): TapeEngine => tf.engine() as unknown as TapeEngine;

/** Runs `f` and records its ops on a tape. The result belongs to the caller's scope. */
export const record = <T>(f: () => T): { result: T; tape: TapeNode[] } =>
  recordOps(() => tf.tidy(f as () => tf.TensorContainer) as T);

/**
 * Runs `f` and records its ops on a tape, and keeps the tensors that it makes until `dispose`, which frees the tape too: the
 * result may then be used after other work, asynchronous work too, before the backward pass.
 */
export function recordOpen<T>(f: () => T): { result: T; tape: TapeNode[]; dispose: () => void } {
  engine().startScope();
  let made: readonly tf.Tensor[] = [];
  try {
    const { result, tape } = recordOps(f);
    made = [...engine().state.activeScope.track];
    for (const tensor of made) tf.keep(tensor);
    const dispose = (): void => {
      tape.forEach(free);
      tf.dispose(made as tf.Tensor[]);
    };
    return { result, tape, dispose };
  } finally {
    engine().endScope();
  }
}

function recordOps<T>(f: () => T): { result: T; tape: TapeNode[] } {
  const { state } = engine();
  if (state.gradientDepth > 0) {
    throw new Error('Gradients of gradients are not supported here; use tf.grads for them.');
  }
  const outer = state.activeTape; // of a backward pass in which this one is nested
  engine().startTape();
  const tape = state.activeTape as TapeNode[];
  try {
    return { result: f(), tape };
  } catch (error) {
    tape.forEach(free);
    throw error;
  } finally {
    engine().endTape();
    state.activeTape = outer;
  }
}

/**
 * Runs a backward pass over a tape, from the gradients `dys` of some of its tensors to those of `xs`. Unlike the engine's own,
 * it frees what an op has saved, and the gradients of its outputs, as soon as the op is done, so that memory only decreases.
 * @param onFinal called with the place of an x and its gradient, which stays the caller's, as soon as no op adds to it any more
 * @returns the gradients of `xs`, owned by the caller; undefined where the tape's outputs do not depend on x
 */
export function backward(
  tape: readonly TapeNode[],
  xs: readonly tf.Tensor[],
  dys: readonly (readonly [y: tf.Tensor, dy: tf.Tensor])[],
  onFinal?: (x: number, gradient: tf.Tensor) => void,
): (tf.Tensor | undefined)[] {
  const gradients = new Map(dys.map(([y, dy]) => [y.id, dy.clone()]));
  const wanted = new Set(xs.map(({ id }) => id));
  const reached = reachedFrom(tape, wanted);
  const finalAt = onFinal && finalGradients(tape, xs);
  try {
    for (const [i, node] of [...tape.entries()].reverse()) {
      const own = node.outputs.map(({ id }) => gradients.get(id) ?? null);
      if (own.some((dy) => dy)) {
        const inputs = Object.entries(node.inputs).filter(([, { id }]) => reached.has(id));
        const more = tf.tidy(() => inputGradients(node, own, inputs));
        for (const [i, [, { id }]] of inputs.entries()) add(gradients, id, more[i] as tf.Tensor);
        for (const { id } of node.outputs) if (!wanted.has(id)) release(gradients, id);
      }
      free(node);
      for (const x of finalAt?.get(i) ?? []) {
        const gradient = gradients.get((xs[x] as tf.Tensor).id);
        if (gradient) onFinal?.(x, gradient);
      }
    }
  } finally {
    tape.forEach(free);
  }
  return xs.map(({ id }) => gradients.get(id));
}

/** The x whose gradients are final after each op of the tape, by the op's index: that of their first use, the last to be walked. */
function finalGradients(tape: readonly TapeNode[], xs: readonly tf.Tensor[]): Map<number, number[]> {
  const places = new Map(xs.map(({ id }, x) => [id, x]));
  const finalAt = new Map<number, number[]>();
  for (const [i, { inputs }] of tape.entries()) {
    for (const { id } of Object.values(inputs)) {
      const x = places.get(id);
      if (x === undefined) continue;
      places.delete(id);
      finalAt.set(i, [...(finalAt.get(i) ?? []), x]);
    }
  }
  return finalAt;
}

const free = ({ saved = [] }: TapeNode): void => tf.dispose(saved as tf.Tensor[]);

function add(gradients: Map<number, tf.Tensor>, id: number, more: tf.Tensor): void {
  const before = gradients.get(id);
  gradients.set(id, before ? (runNamed('AddInto', { sum: before, more }, {})?.[0] ?? tf.add(before, more)) : more);
  if (before) tf.dispose([before, more]);
}

function release(gradients: Map<number, tf.Tensor>, id: number): void {
  gradients.get(id)?.dispose();
  gradients.delete(id);
}

/** Returns the tensors that depend on the wanted ones, and those. */
function reachedFrom(tape: readonly TapeNode[], wanted: ReadonlySet<number>): Set<number> {
  const reached = new Set(wanted);
  for (const { inputs, outputs } of tape) {
    if (Object.values(inputs).some(({ id }) => reached.has(id))) for (const { id } of outputs) reached.add(id);
  }
  return reached;
}

/** Computes the gradients of a node's inputs, each as a tensor of its own: cloned where it is used elsewhere. */
function inputGradients(
  node: TapeNode,
  dys: (tf.Tensor | null)[],
  inputs: readonly (readonly [name: string, x: tf.Tensor])[],
): tf.Tensor[] {
  if (inputs.length === 0) return [];
  if (!node.gradient)
    throw new Error(`The op ${node.kernelName} has no gradient; exclude it from the differentiated function.`);
  const functions = node.gradient(dys);
  const scope = engine().state.activeScope.id;
  const used = new Set<tf.Tensor>();
  return inputs.map(([name, x]) => {
    const dx = functions[name]?.();
    if (dx?.dtype !== 'float32' || !tf.util.arraysEqual(dx.shape, x.shape)) {
      const what = dx ? `${dx.dtype} [${dx.shape}]` : 'undefined';
      throw new Error(`The gradient of ${node.kernelName} by '${name}' must be float32 [${x.shape}], but is ${what}.`);
    }
    const own = (dx as ScopedTensor).scopeId === scope && !used.has(dx) ? dx : dx.clone();
    used.add(own);
    return own;
  });
}
