import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mutateBytes } from '../mutate/bytes.js';
import type { Target } from '../target.js';

type Kernel = (...args: number[]) => void;
interface Addon {
  attach(heap: Uint8Array, build: string): { functions: Record<string, Kernel> } | undefined;
}

const PAGES = 32;
const SIZE = PAGES * 65536;
/** Where a problem of attention lies, and places of tensors and of scratch. */
const PROBLEM = 4096;
const [X, Y, Z, W, SCRATCH] = [0x10000, 0x20000, 0x30000, 0x40000, 0x80000];
const MOST_WORDS = 53;

/** Calls that are right: begin, end, thread and a kernel's own arguments. */
const CALLS: readonly (readonly [name: string, ...args: number[]])[] = [
  ['packB', 0, 4, 0, X, Z, 20, 9, 20, 1, 180],
  ['packB', 0, 2, 0, X, Z, 40, 9, 1, 9, 0],
  ['gemm', 0, 2, 0, X, 9, 1, 0, Z, 0, Y, 20, 24, 9, W, 1, 0, 12, 4, SCRATCH, 400_000],
  ['gemm', 0, 1, 1, X, 1, 20, 0, Z, 0, Y, 20, 24, 9, 0, 0, W, 96, 1, SCRATCH, 400_000],
  ['gemmEach', 0, 3, 0, X, 9, 1, 99, Z, 24, 1, 0, Y, 11, 24, 9, 0, 0, SCRATCH, 700_000],
  ['gemmPanels', 0, 1, 0, X, 9, Y, 24, 1, Z, 20, 24, 9, W, 0, 0, 2, SCRATCH, 400_000],
  ['gemmPanels', 0, 1, 1, X, 33, Y, 1, 33, Z, 20, 31, 33, 0, 1, W, 8, SCRATCH, 400_000],
  ['gemvRows', 0, 5, 0, X, Y, Z, 3, 10, 33, W, 0],
  ['gemvColumns', 0, 2, 0, X, Y, Z, 2, 550, 14, 0, 1],
  ['gelu', 0, 9, 0, 0, X, Y],
  ['geluGrad', 2, 9, 0, 1, X, Y, Z],
  ['gated', 0, 9, 1, 2, X, Y, Z],
  ['gatedGrad', 0, 9, 0, 3, X, Y, Z, W, SCRATCH],
  ['adamw', 0, 9, 0, X, Y, Z, W, 0, 0.9, 0.1, 0.98, 0.02, 1e-3, 1.1, 1e-8, 0.99, 1],
  ['quantizeActivations', 0, 5, 0, X, Y, 5, 77, SCRATCH],
  ['halfProduct', 0, 19, 0, 0, W, X, Y, 3, 19, 77, Z, 0],
  ['halfProduct', 2, 9, 1, 1, W, X, Y, 1, 19, 64, 0, Z],
  ['quantizedProduct', 0, 2, 0, 0, W, Z, X, Y, 3, 51, 77, Z, 0],
  ['quantizedProduct', 0, 2, 0, 1, W, 0, X, Y, 5, 51, 96, 0, Z],
  ['quantizedProduct', 0, 2, 0, 2, W, 0, X, Y, 1, 51, 96, Z, 0],
  ['quantizedProduct', 1, 2, 0, 3, W, 0, X, Y, 6, 51, 96, Z, 0],
  ['quantizedProduct', 0, 2, 0, 4, W, 0, X, Y, 2, 51, 512, Z, 0],
  ['quantizedProduct', 0, 2, 0, 5, W, 0, X, Y, 4, 51, 512, Z, 0],
  ['attention', 0, 4, 0, PROBLEM],
  ['attentionGrad', 0, 4, 0, PROBLEM],
  ['attentionBiasGrad', 0, 1, 0, PROBLEM],
];
const NAMES = [...new Set(CALLS.map(([name]) => name))];

/** A problem of two rows, two heads, five queries and seven keys of width 8; see packages/attention/src/fused/problem.ts. */
const WORDS = [
  ...[X, X + 4096, X + 8192, Y, Y + 4096, Y + 8192, Y + 12288, Z], // q k v y dq dk dv dbias
  ...[0, 0, 0, 0, 0, W, 0, 35, 7, 1, 0, 0, 0], // mask, bias, rows starts order
  ...[2, 2, 2, 1, 5, 7, 7, 8, 0x3f000000, 0, 0, 0], // B H G group Q L C K scale seed threshold keep
  ...[7, 8, 8, 0, 0, 1, SCRATCH, 65536], // offset block stripe packed summed images scratch scratchStride
  ...[128, 4096, 8192, 9216, 10240, 11264, 12288, 13312, 14336, 16384, 18432, 20480], // s dp qt gt qr gr yr rowwise kp vp dkp dvp
];

const NUMBERS = [
  ...[0, 1, 2, 3, 7, 8, 12, 31, 32, 33, 100, 768, 4096, 65535, 65536, SIZE - 256, SIZE - 260, SIZE - 4, SIZE, SIZE + 4],
  ...[
    -1,
    -4,
    0.5,
    1e9,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 4,
    2 ** 32,
    2 ** 53,
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ],
];
const INTEGERS = NUMBERS.filter((x) => Math.abs(x) < 2 ** 33 && Number.isInteger(x));

const FILE = new URL(`../../../../native/${process.platform}-${process.arch}/kernels.node`, import.meta.url);

/** Whether there are native kernels for this platform. */
export const isBuilt = (): boolean => existsSync(FILE);

/** Calls of native kernels with any arguments: computed within the heap, or refused; never a crash of the process. */
export const native: Target = {
  name: 'native',

  async seeds() {
    return CALLS.map(([name, ...args]) => encode({ kernel: NAMES.indexOf(name), args, words: WORDS }));
  },

  mutate(input, random) {
    if (random.chance(0.05)) return mutateBytes(input, random);
    const call = decode(input);
    for (let n = 1 + random.int(3); n > 0; n--) {
      const ofWords = NAMES[call.kernel]?.startsWith('attention') && random.chance(0.8);
      const [list, numbers] = ofWords ? [call.words, INTEGERS] : [call.args, NUMBERS];
      const i = random.int(list.length);
      list[i] = random.chance(0.7) ? random.pick(numbers) : (list[i] ?? 0) + random.pick([-4, -1, 1, 4]);
    }
    if (random.chance(0.02)) call.args.pop();
    return encode(call);
  },

  async run(input) {
    const { kernel, args, words } = decode(input);
    ready ??= open();
    const { heap, builds } = ready;
    new Int32Array(heap, PROBLEM, MOST_WORDS).set(words.slice(0, MOST_WORDS));
    for (const functions of builds) {
      try {
        functions[NAMES[kernel % NAMES.length] as string]?.(...args);
      } catch (error) {
        const { message } = error as Error;
        if (!/^Argument \d+ of the native kernel \w+ is out of range, or reaches beyond the heap\.$/.test(message))
          throw error;
        throw new Error(message);
      }
    }
  },
};

let ready: { heap: SharedArrayBuffer; builds: Record<string, Kernel>[] } | undefined;

/** Every build that this processor runs, on one heap. */
function open(): { heap: SharedArrayBuffer; builds: Record<string, Kernel>[] } {
  const module = { exports: {} };
  process.dlopen(module, fileURLToPath(FILE));
  const { attach } = module.exports as Addon;
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
  const heap = memory.buffer as unknown as SharedArrayBuffer;
  const builds = ['avx512vnni', 'avx512', 'avx2', 'neon'].map(
    (build) => attach(new Uint8Array(heap), build)?.functions,
  );
  return { heap, builds: builds.filter((functions) => functions !== undefined) };
}

interface Call {
  kernel: number;
  args: number[];
  words: number[];
}

/** The kernel and the number of arguments, those as float64, then 32-bit words. */
function encode({ kernel, args, words }: Call): Uint8Array {
  const numbers = Float64Array.from([kernel, args.length, ...args]);
  const bytes = new Uint8Array(numbers.byteLength + 4 * words.length);
  bytes.set(new Uint8Array(numbers.buffer));
  bytes.set(new Uint8Array(Int32Array.from(words).buffer), numbers.byteLength);
  return bytes;
}

function decode(input: Uint8Array): Call {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const number = (i: number): number => (8 * i + 8 <= input.length ? view.getFloat64(8 * i, true) : 0);
  const count = Math.min(24, Math.max(0, Math.trunc(number(1)) || 0));
  const args = Array.from({ length: count }, (_, i) => number(i + 2));
  const words: number[] = [];
  for (let at = 8 * (count + 2); at + 4 <= input.length; at += 4) words.push(view.getInt32(at, true));
  return { kernel: Math.abs(Math.trunc(number(0)) || 0) % NAMES.length, args, words };
}
