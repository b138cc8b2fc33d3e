import * as tf from '@tensorflow/tfjs';
import { runNamed } from './ops/named.js';

/** One recorded op of TensorFlow.js' tape. */
interface TapeNode {
  readonly kernelName: string;
  readonly inputs: { readonly [name: string]: tf.Tensor };
  readonly outputs: readonly tf.Tensor[];
  readonly gradient?: (dys: (tf.Tensor | null)[]) => { readonly [name: string]: () => tf.Tensor };
  /** Copies that share their data; whoever walks the tape frees them. */
  readonly saved?: readonly tf.Tensor[];
}

/** What this uses of TensorFlow.js' engine beyond its types. */
interface TapeEngine {
  startTape(): void;
  endTape(): void;
  readonly state: {
    activeTape: TapeNode[] | null;
    readonly gradientDepth: number;
    readonly activeScope: { id: number };
  };
}
type ScopedTensor = tf.Tensor & { readonly scopeId: number };

const engine = (): TapeEngine => tf.engine() as unknown as TapeEngine;

/** Runs `f` and records what it does. Its result leaves through the scope of the caller. */
export function record<T>(f: () => T): { result: T; tape: TapeNode[] } {
  const { state } = engine();
  if (state.gradientDepth > 0) {
    throw new Error('Gradients of gradients are not supported here; use tf.grads for those.');
  }
  const outer = state.activeTape; // of a walk in which this one is nested
  engine().startTape();
  const tape = state.activeTape as TapeNode[];
  try {
    return { result: tf.tidy(f as () => tf.TensorContainer) as T, tape };
  } catch (error) {
    tape.forEach(free);
    throw error;
  } finally {
    engine().endTape();
    state.activeTape = outer;
  }
}

/**
 * Walks a tape backward from `dys`, the slopes by some of its tensors, to `xs`. Unlike the engine's own walk it frees what an
 * op has saved, and the slopes by its outputs, as soon as the op is done, so that memory only shrinks on the way.
 * The caller owns the results; undefined where nothing leads from x.
 */
export function backward(
  tape: readonly TapeNode[],
  xs: readonly tf.Tensor[],
  dys: readonly (readonly [y: tf.Tensor, dy: tf.Tensor])[],
): (tf.Tensor | undefined)[] {
  const slopes = new Map(dys.map(([y, dy]) => [y.id, dy.clone()]));
  const wanted = new Set(xs.map(({ id }) => id));
  const reached = reachedFrom(tape, wanted);
  try {
    for (const node of [...tape].reverse()) {
      const own = node.outputs.map(({ id }) => slopes.get(id) ?? null);
      if (own.some((dy) => dy)) {
        const inputs = Object.entries(node.inputs).filter(([, { id }]) => reached.has(id));
        const more = tf.tidy(() => inputGradients(node, own, inputs));
        for (const [i, [, { id }]] of inputs.entries()) add(slopes, id, more[i] as tf.Tensor);
        for (const { id } of node.outputs) if (!wanted.has(id)) release(slopes, id);
      }
      free(node);
    }
  } finally {
    tape.forEach(free);
  }
  return xs.map(({ id }) => slopes.get(id));
}

const free = ({ saved = [] }: TapeNode): void => tf.dispose(saved as tf.Tensor[]);

function add(slopes: Map<number, tf.Tensor>, id: number, more: tf.Tensor): void {
  const before = slopes.get(id);
  slopes.set(id, before ? (runNamed('AddInto', { sum: before, more }, {})?.[0] ?? tf.add(before, more)) : more);
  if (before) tf.dispose([before, more]);
}

function release(slopes: Map<number, tf.Tensor>, id: number): void {
  slopes.get(id)?.dispose();
  slopes.delete(id);
}

/** The tensors that depend on those that are wanted, and those. */
function reachedFrom(tape: readonly TapeNode[], wanted: ReadonlySet<number>): Set<number> {
  const reached = new Set(wanted);
  for (const { inputs, outputs } of tape) {
    if (Object.values(inputs).some(({ id }) => reached.has(id))) for (const { id } of outputs) reached.add(id);
  }
  return reached;
}

/** Each slope is a tensor of its own, that nobody else holds: what is not, is cloned. */
function inputGradients(
  node: TapeNode,
  dys: (tf.Tensor | null)[],
  inputs: readonly (readonly [name: string, x: tf.Tensor])[],
): tf.Tensor[] {
  if (inputs.length === 0) return [];
  if (!node.gradient)
    throw new Error(`The op ${node.kernelName} has no gradient; keep it out of what is differentiated.`);
  const gradients = node.gradient(dys);
  const scope = engine().state.activeScope.id;
  const given = new Set<tf.Tensor>();
  return inputs.map(([name, x]) => {
    const dx = gradients[name]?.();
    if (dx?.dtype !== 'float32' || !tf.util.arraysEqual(dx.shape, x.shape)) {
      const what = dx ? `${dx.dtype} [${dx.shape}]` : 'nothing';
      throw new Error(`The gradient of ${node.kernelName} by '${name}' must be float32 [${x.shape}], but is ${what}.`);
    }
    const own = (dx as ScopedTensor).scopeId === scope && !given.has(dx) ? dx : dx.clone();
    given.add(own);
    return own;
  });
}
