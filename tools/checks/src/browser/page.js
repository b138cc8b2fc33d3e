// Runs in the browser, on the built packages: each check compares with tfjs' cpu backend.
import { attend, registerAttention } from '@blip2/attention';
import { register } from '@blip2/backend-simd';
import { layerNorm } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

const numbers = (shape, seed) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin((i + 1) * 12.9898 + seed * 78.233)),
    shape,
  );
};

/** The value of `f` and its gradients by tensors of these shapes, on one backend. */
function on(name, f, shapes) {
  tf.setBackend(name);
  return tf.tidy(() => {
    const inputs = shapes.map((shape, i) => numbers(shape, i));
    const y = f(...inputs);
    return [y, ...tf.grads(f)(inputs, numbers(y.shape, 9))].map((x) => x.dataSync());
  });
}

function compare(f, shapes) {
  const right = on('cpu', f, shapes);
  for (const [i, mine] of on('simd', f, shapes).entries()) {
    for (const [j, x] of mine.entries()) {
      if (Math.abs(x - right[i][j]) <= 1e-4 * (1 + Math.abs(right[i][j]))) continue;
      throw new Error(`${i === 0 ? 'the value' : `gradient ${i}`} is ${x} at ${j}, not ${right[i][j]}`);
    }
  }
}

const expect = (what, value, wanted) => {
  if (value !== wanted) throw new Error(`${what}: ${value}, not ${wanted}`);
};

/** Calls `report(name, problem)` for each check. */
export async function run({ threads, isolated }, report) {
  const backend = await register({ threads });
  await registerAttention(backend);
  const check = async (name, f) => {
    try {
      await f();
      report(name);
    } catch (error) {
      report(name, String(error));
    }
  };
  const wanted = isolated ? threads : 1;

  await check(`starts with ${wanted} threads and a memory that is ${isolated ? '' : 'not '}shared`, async () => {
    expect('isolated', globalThis.crossOriginIsolated, isolated);
    expect('threads', await backend.pool.ready(), wanted);
    expect('shared', backend.heap.buffer.constructor.name, isolated ? 'SharedArrayBuffer' : 'ArrayBuffer');
    expect('relaxed SIMD', backend.relaxedSimd, true);
  });
  await check('every thread works', () => {
    tf.setBackend('simd');
    const product = () => tf.tidy(() => void tf.matMul(tf.ones([300, 300]), tf.ones([300, 300])));
    for (let i = 0; i < 200 && backend.pool.chunks().some((n) => n === 0); i++) product();
    if (isolated)
      for (const [thread, n] of backend.pool.chunks().entries()) expect(`thread ${thread} works`, n > 0, true);
    expect('fallbacks', JSON.stringify(backend.statistics.fallbacks()), '{}'); // the self-check has passed
  });
  await check('matMul', () => {
    compare((a, b) => tf.matMul(a, b), [[70, 65], [65, 90]]); // biome-ignore format: shapes
    compare((a, b) => tf.matMul(a, b, false, true), [[3, 33, 40], [3, 50, 40]]); // biome-ignore format: shapes
  });
  await check('softmax', () => compare((x) => tf.softmax(x), [[200, 257]]));
  await check('layerNorm', () =>
    compare((x, weight, bias) => layerNorm({ weight, bias }, x, 1e-5), [[90, 70], [70], [70]]),
  );
  await check('attention', () => {
    const shapes = [[2, 20, 64], [2, 30, 64], [2, 30, 64]]; // biome-ignore format: shapes
    tf.setBackend('simd');
    const ops = backend.profile(() => void on('simd', (q, k, v) => attend(q, k, v, { heads: 4 }), shapes));
    for (const name of ['Attention', 'AttentionGrad'])
      expect(
        name,
        ops.some((op) => op.name === name),
        true,
      );
    compare((q, k, v) => attend(q, k, v, { heads: 4 }), shapes);
  });
  await check('the memory grows within an op and within a fallback', () => {
    const { live, size } = backend.heap.statistics();
    const kept = tf.ones([1000]);
    tf.tidy(() => {
      const x = tf.ones([1500, 1500]);
      expect('most', tf.max(tf.add(tf.cumsum(x, 1), kept.slice(0, 1))).dataSync()[0], 1501);
    });
    expect('grown', backend.heap.statistics().size > size, true);
    kept.dispose();
    expect('live', backend.heap.statistics().live, live);
  });
  await check('a thread whose script is not there leaves one thread', async () => {
    const missing = await register({ name: 'missing', threads, worker: new URL('no-such-worker.js', location.href) });
    expect('threads', await missing.pool.ready(), 1);
    tf.setBackend('missing');
    expect('sum', tf.sum(tf.ones([300, 300])).dataSync()[0], 90_000);
    tf.setBackend('cpu');
    tf.removeBackend('missing');
  });
  tf.removeBackend('simd');
}
