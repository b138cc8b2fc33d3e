/** Run by the tests as each of several processes: prints what the collective operations give, as JSON. */
import * as tf from '@tensorflow/tfjs';
import { openMpi } from '../index.js';

tf.enableProdMode();
await tf.setBackend('cpu');
const world = await openMpi({ timeout: 60 });
const { rank, size, library, local } = world;
const own = tf.tensor2d([[rank + 1, 0.5]]);
const [sum, all, first] = [await world.allReduce(own), await world.allGather(own), await world.broadcast(own)];
const ids = await world.allGather(tf.tensor1d([rank, -rank], 'int32'));
const buckets = [1, 100_000, 3].map((length) => new Float32Array(length).fill(rank + 1));
const sums = buckets.map((values) => world.startAllReduce(values));
for (const one of sums) one.progress();
for (const one of sums.reverse()) await one.done();
await world.barrier();
const read = (x: tf.Tensor) => [x.dtype, x.shape, Array.from(x.dataSync())];
const tensors = { sum: read(sum), all: read(all), first: read(first), ids: read(ids) };
const { operations, bytes } = world.traffic();
const reduced = buckets.map((values) => [values[0], values.at(-1)]);
console.log(JSON.stringify({ rank, size, local, library, ...tensors, reduced, operations, bytes }));
await world.close();
