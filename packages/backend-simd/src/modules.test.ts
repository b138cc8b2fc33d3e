import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { DIGEST } from './kernels/digest.js';
import { compile, RELAXED, roundsOnce, unshared } from './modules.js';
import { platform } from './platform.js';
import { register } from './register.js';

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

test('the flag for relaxed SIMD is set where the engine needs it, and nowhere else', async () => {
  const asked: string[] = [];
  const host = await platform();
  const watched = { ...host, allowRelaxedSimd: async () => void asked.push('relaxed') };
  const urls = {
    simd: new URL('../dist/kernels.simd.wasm', import.meta.url),
    relaxed: new URL('../dist/kernels.relaxed.wasm', import.meta.url),
  };
  const script = `console.log(WebAssembly.validate(Buffer.from('${RELAXED.toString()}'.split(','))))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]); // a process without the flag
  const needed = stdout.trim() === 'false';
  expect(needed).toBe(process.versions.node.startsWith('20.'));
  await compile(watched, urls, { relaxedSimd: false, shared: true });
  expect(asked).toEqual([]);
  if (!needed) expect((await compile(watched, urls, { relaxedSimd: true, shared: true })).relaxed).toBe(true);
  expect(asked).toEqual([]);
  if (needed) expect((await compile(host, urls, { relaxedSimd: true, shared: true })).relaxed).toBe(true);
  expect(await roundsOnce()).toBe(true); // otherwise no native kernel is used
});

test('what is no module says where it was looked for', async () => {
  const urls = { simd: new URL(import.meta.url) };
  const options = { relaxedSimd: false, shared: true };
  await expect(compile(await platform(), urls, options)).rejects.toThrow('modules.test.ts is not a WebAssembly module');
});

test('modules are given as bytes, which stay as they are', async () => {
  const given = bytes.slice();
  const { module } = await compile(await platform(), { simd: given }, { relaxedSimd: false, shared: false });
  expect(WebAssembly.Module.imports(module)).toHaveLength(1);
  expect(given).toEqual(bytes);
  const other = { simd: Uint8Array.from([1, 2, 3, 4]) };
  await expect(compile(await platform(), other, { relaxedSimd: false, shared: true })).rejects.toThrow(
    'What `kernels` gives is not a WebAssembly module',
  );
});

test('modules carry the digest of their sources, and those of other sources are refused', async () => {
  const urls = {
    simd: new URL('../dist/kernels.simd.wasm', import.meta.url),
    relaxed: new URL('../dist/kernels.relaxed.wasm', import.meta.url),
  };
  const host = await platform();
  for (const relaxedSimd of [false, true])
    await compile(host, { ...urls, digest: DIGEST }, { relaxedSimd, shared: true });
  const stale = { simd: bytes.slice() };
  stale.simd[stale.simd.length - 1]! ^= 1; // the last digit of the digest
  const options = { relaxedSimd: false, shared: true };
  await expect(compile(host, stale, options)).resolves.toBeDefined();
  await expect(compile(host, { ...stale, digest: DIGEST }, options)).rejects.toThrow('was compiled from other sources');
  await expect(register({ name: 'stale', relaxedSimd: false, kernels: stale })).rejects.toThrow('copy the file');
});
