import * as tf from '@tensorflow/tfjs';
import { agreement } from './agreement.js';
import { SimdBackend } from './backend.js';
import { Heap } from './heap.js';
import { batchNormKernels } from './kernels/batch-norm.js';
import { convKernels } from './kernels/conv.js';
import { depthwiseKernels } from './kernels/depthwise.js';
import { DIGEST } from './kernels/digest.js';
import { elementwiseKernels } from './kernels/elementwise.js';
import { fillKernels } from './kernels/fill.js';
import { gatherKernels } from './kernels/gather.js';
import { geluKernels } from './kernels/gelu.js';
import { joinKernels } from './kernels/join.js';
import type { FastKernel, Wasm } from './kernels/kernel.js';
import { linearKernels } from './kernels/linear.js';
import { matmulKernels } from './kernels/matmul.js';
import { moveKernels } from './kernels/move.js';
import { normKernels } from './kernels/norms.js';
import { orderKernels } from './kernels/order.js';
import { outsideKernels } from './kernels/outside.js';
import { poolingKernels } from './kernels/pooling.js';
import { quantizedKernels } from './kernels/quantized.js';
import { quantizedLayerKernels } from './kernels/quantized-layers.js';
import { reduceKernels } from './kernels/reduce.js';
import { resizeKernels } from './kernels/resize.js';
import { rowKernels } from './kernels/rows.js';
import { scanKernels } from './kernels/scan.js';
import { shareKernels } from './kernels/share.js';
import { stridedKernels } from './kernels/strided.js';
import { trainKernels } from './kernels/train.js';
import { truthKernels, withTruth } from './kernels/truth.js';
import { unaryKernels } from './kernels/unary.js';
import { writeKernels } from './kernels/write.js';
import { addKernel } from './kit.js';
import { compile, type KernelUrls, roundsOnce } from './modules.js';
import { openNative } from './native.js';
import { platform } from './platform.js';
import { Pool } from './pool.js';
import { selfCheck } from './self-check.js';

/** Options of `register`. */
export interface RegisterOptions {
  /** Number of threads, the calling one included. Default: the number of cores, at most 4. */
  threads?: number | undefined;
  /** Use relaxed SIMD (fused multiply-adds) where available; on Node 20 this sets a V8 flag. Default true. */
  relaxedSimd?: boolean | undefined;
  /**
   * Use the native kernels of this platform where their package is installed (in Node, with relaxed SIMD, of which they have
   * the roundings): results are the same, to the last bit. False turns them off, as BLIP2_NATIVE=0 in the environment does;
   * a URL says where the addon is, beside its `kernels.json`. Default true.
   */
  native?: boolean | URL | undefined;
  /** The backend's name in TensorFlow.js. Default `simd`. */
  name?: string | undefined;
  /**
   * The WebAssembly modules: their URLs, if a bundler has moved them, or their bytes. Those of another version than this code
   * are refused.
   */
  kernels?: Omit<KernelUrls, 'digest'> | undefined;
  /** URL of `worker.js`, the script of the threads, if a bundler has moved it. */
  worker?: URL | undefined;
}

const BUILDS: KernelUrls = {
  simd: new URL('../dist/kernels.simd.wasm', import.meta.url),
  relaxed: new URL('../dist/kernels.relaxed.wasm', import.meta.url),
};

const KERNELS: Record<string, FastKernel> = {
  ...matmulKernels,
  ...linearKernels,
  ...unaryKernels,
  ...elementwiseKernels,
  ...geluKernels,
  ...reduceKernels,
  ...rowKernels,
  ...normKernels,
  ...batchNormKernels,
  ...orderKernels,
  ...scanKernels,
  ...withTruth({ ...moveKernels, ...stridedKernels, ...joinKernels, ...gatherKernels }),
  ...truthKernels,
  ...fillKernels,
  ...shareKernels,
  ...convKernels,
  ...depthwiseKernels,
  ...poolingKernels,
  ...resizeKernels,
  ...trainKernels,
  ...outsideKernels,
  ...writeKernels,
  ...quantizedKernels,
  ...quantizedLayerKernels,
};

/**
 * Registers the backend in TensorFlow.js, for `tf.setBackend('simd')`. Where it is registered already, only the number of
 * threads is set. Where the self-check of the kernels fails, tfjs' cpu kernels run all ops, and a warning reports it.
 * @throws where the engine lacks WebAssembly SIMD, and where the modules cannot be loaded
 */
export async function register(options: RegisterOptions = {}): Promise<SimdBackend> {
  const { relaxedSimd = true, name = 'simd', native = true } = options;
  const host = await platform(options.worker);
  const threads = options.threads ?? Math.max(1, Math.min(host.cores, 4));
  const present = tf.findBackend(name);
  if (present instanceof SimdBackend) {
    if (options.threads) present.setThreads(threads);
    return present;
  }
  const shared = host.spawn !== undefined;
  if (threads > 1 && !shared)
    console.warn('The simd backend runs with one thread: this page is not cross-origin isolated.');
  const kernels = { ...(options.kernels ?? BUILDS), digest: DIGEST };
  const { module, relaxed } = await compile(host, kernels, { relaxedSimd, shared });
  const heap = new Heap({ shared });
  const { limit } = heap.statistics();
  if (limit < 2 ** 32)
    console.warn(`The heap of the simd backend ends at ${limit / 2 ** 20} MiB: the system gives no more addresses.`);
  const library = relaxed && shared && (await roundsOnce()) ? await openNative(host, native) : undefined;
  const pool = new Pool(heap, { spawn: host.spawn, native: library });
  const backend = new SimdBackend(heap, pool, { name, relaxedSimd: relaxed });
  const loaded = await pool.load(module, agreement(backend));
  registerKernels(backend, loaded.kernels as Wasm, selfCheck(backend, loaded.wasm as Wasm, KERNELS));
  tf.registerBackend(name, () => backend, 2);
  tf.findBackend(name); // makes it known: tfjs disposes of none that it has not asked for
  pool.setThreads(threads);
  return backend;
}

/** Registers the kernels of this package, unless the self-check found one wrong, and tfjs' cpu kernels for all other ops and inputs. */
function registerKernels(backend: SimdBackend, wasm: Wasm, wrong: string | undefined): void {
  const { statistics, name } = backend;
  backend.trusted = wrong === undefined;
  if (wrong)
    console.warn(
      `The kernels of the simd backend are wrong here (${wrong}); tfjs' cpu kernels, which are slow, run instead.`,
    );
  const fast = wrong ? {} : KERNELS;
  if (!wrong) backend.widen = wasm.widen;
  for (const config of tf.getKernelsForBackend('cpu')) {
    const { kernelName } = config;
    const quick = fast[kernelName];
    const slow: tf.KernelFunc = (call) =>
      statistics.count(kernelName, true, () => backend.runOnCpu(() => config.kernelFunc(call)));
    const kernelFunc: tf.KernelFunc = quick
      ? (call) =>
          statistics.count(kernelName, false, () =>
            backend.runKernel(() => quick({ ...call, backend, wasm } as never)),
          ) ?? slow(call)
      : slow;
    tf.registerKernel({ ...config, backendName: name, kernelFunc });
  }
  for (const [kernelName, quick] of Object.entries(fast)) {
    if (tf.getKernel(kernelName, name)) continue;
    addKernel(backend, kernelName, (call) => {
      const out = quick({ ...call, wasm });
      if (out) return out;
      throw new Error(`${kernelName} of the simd backend does not support these inputs; use float32 tensors.`);
    });
  }
}
