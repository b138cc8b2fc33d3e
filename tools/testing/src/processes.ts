import * as tf from '@tensorflow/tfjs';

interface Round {
  readonly parts: Map<number, tf.Tensor>;
  readonly resolve: (all: tf.Tensor[]) => void;
  readonly all: Promise<tf.Tensor[]>;
}

/**
 * The communicators of processes that train together, all within this one: for tests of what they compute. Their collective
 * operations wait for each other.
 */
export function processes(size: number) {
  const rounds: Round[] = [];
  const roundAt = (call: number): Round => {
    const known = rounds[call];
    if (known) return known;
    let resolve: (all: tf.Tensor[]) => void = () => {};
    const all = new Promise<tf.Tensor[]>((done) => {
      resolve = done;
    });
    const round = { parts: new Map<number, tf.Tensor>(), resolve, all };
    rounds[call] = round;
    return round;
  };
  return Array.from({ length: size }, (_, rank) => {
    let calls = 0;
    /** Gives the tensors of all, which are freed when every process has used them. */
    const exchange = async <T>(x: tf.Tensor, use: (all: tf.Tensor[]) => T): Promise<T> => {
      const call = calls++;
      const { parts, resolve, all } = roundAt(call);
      parts.set(rank, tf.keep(x.clone()));
      if (parts.size === size) resolve(Array.from({ length: size }, (_, of) => parts.get(of) as tf.Tensor));
      const result = use(await all);
      parts.delete(rank);
      if (parts.size === 0) tf.dispose(await all);
      return result;
    };
    const sum = (x: tf.Tensor) => exchange(x, (all) => tf.addN(all));
    return {
      rank,
      size,
      allGather: (x: tf.Tensor) => exchange(x, (all) => tf.concat(all)),
      allReduce: sum,
      broadcast: (x: tf.Tensor) => exchange(x, ([first]) => (first as tf.Tensor).clone()),
      barrier: () => exchange(tf.scalar(0), () => {}),
      startAllReduce(values: Float32Array) {
        const own = tf.tensor1d(values.slice());
        const sums = sum(own).then(async (x) => {
          values.set(await x.data());
          tf.dispose([x, own]);
        });
        return { progress: () => {}, done: () => sums };
      },
    };
  });
}
