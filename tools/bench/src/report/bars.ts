import { wideFma } from '../ceiling.js';
import type { Contender } from '../contender.js';
import type { Failure, Result } from '../result.js';
import { type Lookup, lookup } from './find.js';

/** A performance target of this project, and what was measured. */
export interface Bar {
  readonly what: string;
  readonly measured: number | undefined;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Why this backend could not do the case at all. */
  readonly failed?: string | undefined;
}

/** Reports whether a target is met; undefined where it was not measured. */
export function isMet({ measured, failed, atLeast = -Infinity, atMost = Infinity }: Bar): boolean | undefined {
  if (failed !== undefined) return false;
  return measured === undefined ? undefined : measured >= atLeast && measured <= atMost;
}

const simd = (threads: number): Contender => ({ name: 'simd', threads });
const torch: Contender = { name: 'pytorch', threads: 2 };
const wasm: Contender = { name: 'wasm', threads: 1 };
const GIB = 2 ** 30;
const WHOLE_STEP = 'stage 1 step, 12 layers';

/** Evaluates every target from the lines of a report. */
export function bars(results: readonly Result[], failures: readonly Failure[] = []): Bar[] {
  const find = lookup(results);
  const whole = failures.find((one) => one.contender === 'simd' && one.case.startsWith(WHOLE_STEP))?.why;
  return [
    ...products(find),
    ...attention(find),
    ...rows(find),
    ...training(find, whole),
    ...natively(results, find),
    ...quantized(find),
  ];
}

/** Of native kernels: they take processors' time, which is compared, as machines are shared; PyTorch is held to AVX2, and so are they. */
function natively(results: readonly Result[], { line }: Lookup): Bar[] {
  const held = results.some(({ contender }) => contender === 'native-avx2') ? 'native-avx2' : 'native';
  const times = (bench: string, begin: string, threads: number, other = 'pytorch'): number | undefined => {
    const mine = other === 'pytorch' ? held : 'native';
    const [theirs, own] = [other, mine].map((name) => line(bench, begin, { name, threads })?.cpu_ms_min);
    return over(theirs, own);
  };
  const ceiling = line('ceiling', wideFma.case, { name: wideFma.case, threads: 1 })?.gflops;
  const matrices = ['AB', 'ABᵀ', 'AᵀB'].flatMap((name): Bar[] => [
    {
      what: `native matmul ${name}, 1 thread, AVX2: share of the multiply-add ceiling of 256 bits`,
      measured: over(rateOf(line('matmul', `${name} `, { name: held, threads: 1 })), ceiling),
      atLeast: 0.88,
    },
    ...[1, 2].flatMap((threads) =>
      ['pytorch', 'onnxruntime-node'].map((other) => ({
        what: `native matmul ${name}, threads: ${threads}: times as fast as ${other}`,
        measured: times('matmul', `${name} `, threads, other),
        atLeast: 1,
      })),
    ),
  ]);
  const works: readonly (readonly [bench: string, begin: string, atLeast: number])[] = [
    ...['16x12 heads 32x257x64', '1x12 heads 1024x1024x64', 'biased 1x12 heads 512x512x64'].flatMap((sizes) =>
      ['forward', 'forward and backward'].map((pass) => ['attention', `${pass} ${sizes}`, 1] as const),
    ),
    ['qformer', 'forward, 12 layers', 1],
    ['stage1', 'stage 1 step, 2 layers, batch 8', 1.1],
    ['stage1', `${WHOLE_STEP}, batch 8`, 1.1],
    ['caption', 'ViT-L/14', 1],
    ['caption', 'Q-Former', 1],
    ['caption', 'OPT-125M, 36 read', 1],
    ['caption', 'OPT-125M, a token', 1],
    ['caption', 'OPT-125M, 36 read, 16 tokens', 1],
  ];
  const rest = works.map(([bench, begin, atLeast]) => ({
    what: `native ${bench}, ${begin}, 2 threads: times as fast as pytorch`,
    measured: times(bench, begin, 2),
    atLeast,
  }));
  return [...matrices, ...rest];
}

/** GFLOP/s of processors' time. */
const rateOf = (one: Result | undefined): number | undefined =>
  one?.gflops && one.cpu_ms_min ? (one.gflops * one.ms_min) / one.cpu_ms_min : undefined;

/** Of packed weights: beside the faster of PyTorch's precisions, each measured beside this backend in a case of its own. */
function quantized({ line, ratio }: Lookup): Bar[] {
  const native: Contender = { name: 'native', threads: 2 };
  const times = (begin: string): number | undefined =>
    ['pytorch-avx512', 'pytorch']
      .map((name) => ratio('quantized', begin, { a: { name, threads: 2 }, b: native }))
      .find((found) => found !== undefined);
  const faster = (begin: string): number | undefined => {
    const [a, b] = ['float32', 'bfloat16'].map((dtype) => times(`${begin}; PyTorch ${dtype}`));
    return a === undefined || b === undefined ? undefined : Math.min(a, b);
  };
  const step = (kind: string) => line('stage2', `stage 2 step, batch 8, through frozen ${kind}`, native)?.ms_median;
  const model = 'blip2-opt-2.7b int8, a caption of 20 tokens';
  return [
    {
      what: `${model}, 2 threads: its time as a share of PyTorch's in its faster precision`,
      measured: over(1, faster(model)),
      atMost: 0.6,
    },
    {
      what: "OPT-2.7B int8, a token, 2 threads: times as fast as PyTorch's faster precision",
      measured: faster('OPT-2.7B int8, a token'),
      atLeast: 1.5,
    },
    {
      what: "OPT-2.7B int4, a token, 2 threads: times as fast as PyTorch's faster precision",
      measured: faster('OPT-2.7B int4, a token'),
      atLeast: 2,
    },
    {
      what: "blip2-itm-vit-g int8, indexing an image, 2 threads: its time as a share of PyTorch's in float32",
      measured: over(1, times('blip2-itm-vit-g int8')),
      atMost: 0.7,
    },
    {
      what: "SmolLM2-135M Q4_1, 2 threads: tokens per second as a share of llama.cpp's",
      measured: ratio('quantized', 'SmolLM2-135M Q4_1', { a: { name: 'llama.cpp', threads: 2 }, b: native }),
      atLeast: 0.5,
    },
    {
      what: 'stage 2 step through frozen int8 OPT-125M, 2 threads: its time as a share of that through float32',
      measured: over(step('int8'), step('float32')),
      atMost: 1,
    },
  ];
}

// Rates are compared as shares of the ceiling of their own run: suites may come from several.

function products({ line }: Lookup): Bar[] {
  const share = (name: string, threads: number) => line('matmul', `${name} `, simd(threads))?.of_ceiling;
  return ['AB', 'ABᵀ', 'AᵀB'].flatMap((name) => [
    {
      what: `matmul ${name}, 1 thread: share of the multiply-add ceiling`,
      measured: share(name, 1),
      atLeast: 0.9,
    },
    {
      what: `matmul ${name}: what a second thread gains, as a share of what the ceiling gains`,
      measured: over(share(name, 2), share(name, 1)),
      atLeast: 0.95,
    },
  ]);
}

function attention({ line, ratio }: Lookup): Bar[] {
  const [batched, long] = ['16x12 heads 32x257x64', '1x12 heads 1024x1024x64'];
  const times = (a: Contender) => ratio('attention', `forward ${batched}`, { a, b: simd(2) });
  const product = line('matmul', 'AB ', simd(2))?.of_ceiling;
  const share = (pass: string) => over(line('attention', `${pass} ${batched}`, simd(2))?.of_ceiling, product);
  const one = line('attention', `forward ${long}`, simd(2));
  const extra = one?.heap_peak === undefined ? undefined : one.heap_peak - (one.heap_before ?? 0);
  return [
    {
      what: `attention ${batched}, 2 threads: times as fast as onnxruntime-web`,
      measured: times({ name: 'onnxruntime-web', threads: 2 }),
      atLeast: 1.3,
    },
    {
      what: `attention ${batched}, 2 threads: times as fast as tfjs wasm`,
      measured: times(wasm),
      atLeast: 8,
    },
    {
      what: 'the same, forward: share of the rate of matmul AB',
      measured: share('forward'),
      atLeast: 0.5,
    },
    {
      what: 'the same, forward and backward: share of the rate of matmul AB',
      measured: share('forward and backward'),
      atLeast: 0.5,
    },
    {
      what: `attention ${long}, 2 threads: heap beyond the inputs, result included, as a share of [H,Q,K]`,
      measured: over(extra, 4 * 12 * 1024 * 1024),
      atMost: 1 / 8,
    },
  ];
}

function rows({ ratio }: Lookup): Bar[] {
  return ['layer norm 1024x768', 'GELU 1024x3072', 'softmax 12288x257'].map((name) => ({
    what: `${name}, 2 threads: its time as a multiple of PyTorch's`,
    measured: ratio('rows', name, { a: simd(2), b: torch }),
    atMost: 2,
  }));
}

function training({ line, ratio }: Lookup, failed: string | undefined): Bar[] {
  const [whole, small] = [WHOLE_STEP, 'stage 1 step, 2 layers'];
  return [
    {
      what: `${whole}, 2 threads: its time as a multiple of PyTorch's`,
      measured: ratio('stage1', whole, { a: simd(2), b: torch }),
      atMost: 1.9,
      failed,
    },
    {
      what: `${whole}, 2 threads: GiB of heap at the most`,
      measured: over(line('stage1', whole, simd(2))?.heap_peak, GIB),
      atMost: 3.9,
      failed,
    },
    {
      what: `${small}, 2 threads: times as fast as tfjs wasm, whose missing gradients are patched`,
      measured: ratio('stage1', small, { a: wasm, b: simd(2) }),
      atLeast: 10,
    },
  ];
}

const over = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a / b;
