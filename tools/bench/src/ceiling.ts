import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Kernels, loadKernels, type SimdBackend } from '@blip2/backend-simd';
import type { Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';
import asc from 'assemblyscript/asc';

const ROUNDS = 8_000_000;
const ITEMS = 64;
const BLOCK = 1 << 16;
const BLOCKS = 2048;

/** What the kernels are measured against: multiply-adds that touch no memory, and memory that nothing is computed of. */
export async function ceilings(backend: SimdBackend): Promise<Suite> {
  const wasm = await load(backend);
  const floats = (BLOCK * BLOCKS) / 4;
  return {
    bench: 'ceiling',
    cases: [
      {
        name: 'fma',
        flops: 2 * 4 * 12 * ROUNDS,
        prepare: () => {
          const out = tf.zeros([ITEMS, 4]);
          const work = [ROUNDS / ITEMS, backend.pointer(out)];
          return { run: () => backend.run(wasm.fma, ITEMS, 1e9, ...work), dispose: () => out.dispose() };
        },
      },
      {
        name: 'stream',
        bytes: 2 * BLOCK * BLOCKS,
        prepare: () => {
          const [x, y] = [tf.ones([floats]), tf.zeros([floats])];
          const pointers = [backend.pointer(x), backend.pointer(y)];
          return {
            run: () => backend.run(wasm.stream, BLOCKS, 1e9, ...pointers, BLOCK),
            dispose: () => tf.dispose([x, y]),
          };
        },
      },
    ],
  };
}

async function load(backend: SimdBackend): Promise<Kernels<'fma' | 'stream'>> {
  const folder = await mkdtemp(join(tmpdir(), 'blip2-bench-'));
  try {
    const file = join(folder, 'ceiling.wasm');
    await writeFile(file, await compiled());
    return await loadKernels(backend, { simd: pathToFileURL(file) });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function compiled(): Promise<Uint8Array> {
  const text = await readFile(new URL('../assembly/ceiling.ts', import.meta.url), 'utf8');
  let bytes: Uint8Array | undefined;
  const features = ['simd', 'relaxed-simd', 'threads'].flatMap((feature) => ['--enable', feature]);
  const memory = ['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'];
  const { error, stderr } = await asc.main(
    ['ceiling.ts', '-o', 'ceiling.wasm', '-O3', '--noAssert', '--runtime', 'stub', ...memory, ...features],
    {
      readFile: (name: string) => (name === 'ceiling.ts' ? text : null),
      writeFile: (_, contents) => {
        if (typeof contents !== 'string') bytes = contents;
      },
      listFiles: () => [],
    },
  );
  if (error || !bytes) throw new Error(`The ceilings were not compiled: ${error?.message}\n${stderr.toString()}`);
  return bytes;
}
