import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { registerAttentionWebgpu } from './register.js';

interface Result {
  readonly name: string;
  /** Of the output and the gradients by q, k and v, on webgpu and on tfjs' cpu, relative to 1 + the value. */
  readonly differences: number[];
  /** Whether a second run gave the same bits. */
  readonly same: boolean;
  readonly leaked: number[];
}

interface Said {
  readonly skipped?: string;
  readonly failed?: string;
  readonly adapter?: string;
  readonly kernels?: string[];
  readonly results?: Result[];
}

/** Where Debian's chromium has a Vulkan driver in software, and its loader. */
const CHROMIUM = '/usr/lib/chromium';

/** Vulkan's loader reads its environment when a process starts, and Dawn may end badly: the cases have a process of their own. */
async function runCases(): Promise<Said> {
  const cases = fileURLToPath(new URL('../../test/webgpu.ts', import.meta.url));
  const driver = `${CHROMIUM}/vk_swiftshader_icd.json`;
  const software = existsSync(driver) ? { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: CHROMIUM } : {};
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@blip2/source', '--import', 'tsx', cases],
    { env: { ...software, ...process.env }, timeout: 600_000, maxBuffer: 2 ** 24 },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Said;
}

const said = await runCases();
if (said.skipped) console.warn(`The shaders for webgpu were NOT tested: ${said.skipped}.`);
const onAdapter = said.skipped ? test.skip : test;

onAdapter(`the shaders run (${said.skipped ?? said.adapter})`, () => {
  expect(said.failed).toBeUndefined();
  expect(said.kernels).toEqual(expect.arrayContaining(['Attention', 'AttentionGrad']));
  expect(said.kernels).not.toContain('BatchMatMul');
});

onAdapter('values and gradients equal the composed ones, the same bits each time, and nothing is left', () => {
  expect(said.results?.length).toBeGreaterThan(10);
  for (const { name, differences, same, leaked } of said.results ?? []) {
    expect([name, differences.map((x) => (x <= 1e-4 ? 'close' : x))]).toEqual([name, Array(4).fill('close')]);
    expect([name, same, ...leaked]).toEqual([name, true, 0, 0]);
  }
});

test('another backend is refused', async () => {
  await expect(registerAttentionWebgpu(tf.findBackend('cpu'))).rejects.toThrow(
    'needs the webgpu backend of TensorFlow.js',
  );
});
