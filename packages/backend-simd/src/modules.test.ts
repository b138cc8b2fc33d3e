import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { unshared } from './modules.js';

const bytes = new Uint8Array(await readFile(new URL('../dist/kernels.simd.wasm', import.meta.url)));
const instance = async (module: Uint8Array<ArrayBuffer>, shared: boolean): Promise<WebAssembly.Instance> => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 65536, shared });
  return (await WebAssembly.instantiate(module, { env: { memory } })).instance;
};

test('a module takes a memory that is not shared once the flag of its import is cleared, and only then', async () => {
  await expect(instance(bytes, false)).rejects.toThrow('shared');
  const changed = unshared(bytes.slice());
  expect(Object.keys((await instance(changed, false)).exports)).toContain('gemm');
  expect(changed.filter((byte, i) => byte !== bytes[i])).toHaveLength(1);
});

test('a module without a memory of its own to import is refused', () => {
  const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  expect(() => unshared(empty)).toThrow('--importMemory');
});
