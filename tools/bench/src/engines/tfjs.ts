import { registerAttention } from '@blip2/attention';
import { register, type SimdBackend } from '@blip2/backend-simd';
import type { Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';
import { ceilings, wideCeiling } from '../ceiling.js';
import type { Contender } from '../contender.js';
import { patchWasm } from '../patches.js';
import { requirePeer } from '../peers.js';
import type { HeapUse } from '../protocol.js';
import { type Engine, serve } from '../serve.js';
import { suites } from '../suites.js';

type Run = () => void | Promise<void>;

/** The process of a backend of TensorFlow.js: this project's, or one of tfjs' own. */
async function open({ name, threads }: Contender): Promise<Engine> {
  tf.enableProdMode();
  const found: Suite[] = [];
  let heapUse: ((run: Run) => Promise<HeapUse>) | undefined;
  const native = name.startsWith('native');
  if (name === 'simd' || native) {
    const backend = await register({ threads, native });
    if (native && backend.native.length === 0) throw new Error('There are no native kernels here.');
    await registerAttention(backend);
    found.push(await ceilings(backend));
    if (name === 'native') found.push(wideCeiling());
    heapUse = (run) => heapUseOf(backend, run);
  }
  if (name === 'wasm') {
    await import('@tensorflow/tfjs-backend-wasm');
    patchWasm();
  }
  if (name === 'tfjs-node') requirePeer('@tensorflow/tfjs-node', 'tfjs-node/');
  const backend = native ? 'simd' : name === 'tfjs-node' ? 'tensorflow' : name;
  if (!(await tf.setBackend(backend))) throw new Error(`The backend '${backend}' could not be started.`);
  await tf.ready();
  found.push(...(await suites()));
  return {
    versions: { [backend === 'simd' ? '@tensorflow/tfjs' : name]: tf.version_core },
    async prepare(asked) {
      const cases = found.filter(({ bench }) => bench === asked.bench).flatMap((suite) => [...suite.cases]);
      const one = cases.find(({ name }) => name === asked.case);
      if (!one) throw new Error('it has no such case');
      const { run, dispose } = await one.prepare();
      return { run, dispose, ...(heapUse ? { heapUse: () => (heapUse as (run: Run) => Promise<HeapUse>)(run) } : {}) };
    },
  };
}

/** The heap remembers its peak since the start; here each block asked for is looked at instead. */
async function heapUseOf({ heap }: SimdBackend, run: Run): Promise<HeapUse> {
  const before = heap.statistics().live;
  let peak = before;
  const allocate = heap.allocate.bind(heap);
  heap.allocate = (bytes) => {
    const pointer = allocate(bytes);
    peak = Math.max(peak, heap.statistics().live);
    return pointer;
  };
  try {
    await run();
  } finally {
    Reflect.deleteProperty(heap, 'allocate');
  }
  return { before, peak };
}

serve(() => open(JSON.parse(process.argv[2] as string) as Contender));
