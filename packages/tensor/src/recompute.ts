import * as tf from '@tensorflow/tfjs';
import { backward, record } from './backward.js';
import { flatten, mapTree, type Tree } from './tree.js';

/**
 * `f(inputs)`, of which the tape keeps the inputs alone: the gradient runs `f` again (Chen et al. 2016, "Training deep nets
 * with sublinear memory cost"). Half as much work again, for the memory of one `f` instead of all.
 * @param inputs all tensors that `f` reads, each of which gets its gradient if it is float32: others may be gone by then
 * @param f a pure function of `inputs`: called twice, it gives the same, dropout included
 * @returns what `f` does, which the caller owns
 */
export function recompute<T extends Tree>(inputs: T, f: (inputs: T) => readonly tf.Tensor[]): tf.Tensor[] {
  const given = Object.values(flatten(inputs));
  const through = (tensors: readonly tf.Tensor[]): readonly tf.Tensor[] => {
    const next = tensors[Symbol.iterator]();
    return f(mapTree(inputs, () => next.next().value as tf.Tensor));
  };
  return tf.tidy(() => {
    let shapes: number[][] = [];
    const op = tf.customGrad((...args) => {
      const save = args.pop() as unknown as (tensors: tf.Tensor[]) => void;
      save(args as tf.Tensor[]);
      const results = through(args as tf.Tensor[]);
      shapes = results.map(({ shape }) => shape);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
        const { result, tape } = record(() => through(saved) as tf.Tensor[]);
        const parts = unpack(dy, shapes);
        const xs = saved.filter(({ dtype }) => dtype === 'float32');
        const grads = backward(
          tape,
          xs,
          result.map((y, i) => [y, parts[i] as tf.Tensor]),
        );
        return saved.map((x) => grads[xs.indexOf(x)] ?? tf.zeros(x.shape));
      };
      return { value: pack(results), gradFunc };
    });
    return unpack(op(...given), shapes);
  });
}

// An op with a gradient has one output: several are laid end to end.

const pack = (parts: readonly tf.Tensor[]): tf.Tensor =>
  parts.length === 1 ? (parts[0] as tf.Tensor).clone() : tf.concat(parts.map((part) => tf.reshape(part, [-1])));

function unpack(whole: tf.Tensor, shapes: readonly number[][]): tf.Tensor[] {
  if (shapes.length === 1) return [whole];
  const parts = tf.split(
    whole,
    shapes.map((shape) => tf.util.sizeFromShape(shape)),
  );
  return parts.map((part, i) => tf.reshape(part, shapes[i] as number[]));
}
