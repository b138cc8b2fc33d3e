import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixture } from '@blip2/testing';
import { dawnEnvironment } from '@blip2/testing/webgpu';
import { expect, test } from '@jest/globals';
import { run } from './cli.js';

async function call(...args: string[]): Promise<{ code: number; out: string[]; err: string[] }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await run(args, { out: (line) => void out.push(line), err: (line) => void err.push(line) });
  return { code, out, err };
}

test('prints a table with a total for each folder', async () => {
  const { code, out, err } = await call(fixture('encoders/clip'), fixture('encoders/vit'));
  expect({ code, err }).toEqual({ code: 0, err: [] });
  expect(out[0]).toMatch(/^clip \(encoder\)\n +name +absolute +relative +tolerance\npass {2}hidden_states\.0 +\S+e-\d/);
  expect(out.slice(-2)).toEqual(['clip: 5 passed, 0 failed', 'vit: 5 passed, 0 failed']);
});

test('--json prints one object a line', async () => {
  const { code, out } = await call('--json', fixture('encoders/clip'));
  expect(code).toBe(0);
  const lines = out.map((line) => JSON.parse(line));
  expect(lines).toHaveLength(6);
  expect(lines[0]).toMatchObject({ name: 'hidden_states.0', pass: true, tolerance: 1e-4 });
  expect(lines.at(-1)).toMatchObject({ kind: 'encoder', passed: 5, failed: 0, skipped: 0 });
});

test('--quantize packs the weights first: larger errors, within what that precision allows', async () => {
  const { code, out } = await call('--json', '--quantize', 'int8', fixture('hf-itm'));
  expect(code).toBe(0);
  const lines = out.map((line) => JSON.parse(line));
  expect(lines.at(-1)).toMatchObject({ kind: 'itm', failed: 0 });
  const { absolute, tolerance } = lines.find(({ name }) => name.startsWith('vision'));
  expect(absolute).toBeGreaterThan(1e-4);
  expect(absolute).toBeLessThan(tolerance);
});

test('exits with 1 for a kind that is not supported yet, and says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'blip2-verify-'));
  writeFileSync(join(folder, 'golden.json'), '{"kind": "sonnet"}');
  const { code, out } = await call(folder);
  rmSync(folder, { recursive: true });
  expect(code).toBe(1);
  expect(out[0]).toContain("folders of kind 'sonnet' are not supported yet");
});

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Runs the program in a process of its own. */
const program = (args: readonly string[], env = process.env) =>
  spawnSync(process.execPath, ['--conditions=@blip2/source', '--import', 'tsx', main, '--json', ...args], {
    encoding: 'utf8',
    env,
  });

const rowsOf = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('the program holds the first stage against its reference: outputs, gradients and curve', () => {
  const { status, stdout, stderr } = program([fixture('stage1')]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const lines = rowsOf(stdout);
  expect(lines.at(-1)).toMatchObject({ kind: 'stage1', passed: 143, failed: 0, skipped: 0 });
  expect(lines.filter(({ name = '' }) => name.startsWith('curve.'))).toHaveLength(4);
}, 120_000);

// The other fixtures take minutes in software, as each shader is compiled: npm run verify -- --backend webgpu DIR
test('--backend webgpu: image encoder, Q-Former, ITC and ITM are those of the reference, where there is an adapter', () => {
  const { status, stdout, stderr } = program(['--backend', 'webgpu', fixture('hf-itm')], dawnEnvironment());
  if (stderr.startsWith("The backend 'webgpu' cannot be had")) return console.warn(`NOT verified: ${stderr.trim()}`);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(rowsOf(stdout).at(-1)).toMatchObject({ kind: 'itm', passed: 10, failed: 0, skipped: 0 });
}, 240_000);

test.each([
  [[], 'Name at least one folder.'],
  [[fixture('photos')], 'There is no golden.json in'],
  [['--backend', 'webgl', fixture('stage1')], "There is no backend 'webgl' here, only cpu, simd, webgpu."],
  [['--quantize', 'int3', fixture('stage1')], "There is no quantization 'int3', only int8, int4, f16."],
  [['--tolerance', '1', fixture('stage1')], "Unknown option '--tolerance'"],
])('exits with 2 for %j', async (args, message) => {
  const { code, out, err } = await call(...args);
  expect({ code, out }).toEqual({ code: 2, out: [] });
  expect(err[0]).toContain(message);
});
