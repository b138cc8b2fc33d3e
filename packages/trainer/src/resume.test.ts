import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { rng } from '@blip2/tensor';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { latestCheckpoint } from './checkpoint/find.js';

const script = fileURLToPath(new URL('./testing/resumable.ts', import.meta.url));
const steps = 90;
const children = new Set<ChildProcess>();
let root: string;
beforeAll(async () => {
  root = await mkdtemp(`${tmpdir()}/resume-`);
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(root, { recursive: true, force: true });
});

/** Starts the training process; with `kill` it gets SIGKILL `delay` milliseconds after its step `after`. */
async function start(dir: string, kill?: { after: number; delay: number }): Promise<NodeJS.Signals | null> {
  const args = ['--conditions=@blip2/source', '--import', 'tsx', script, dir, `${steps}`];
  if (kill) args.push(`${kill.after}`, `${kill.delay}`);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  children.add(child);
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (code !== 0 && signal === null) throw new Error(`The training process ended with ${code}.`);
  return signal;
}

async function contents(dir: string): Promise<Record<string, Buffer>> {
  const found = await latestCheckpoint(dir);
  expect(found?.step).toBe(steps);
  const names = await readdir(found!.path);
  const files = await Promise.all(names.map((name) => readFile(`${found!.path}/${name}`)));
  return Object.fromEntries(names.map((name, i) => [name, files[i]!]));
}

test('a run killed again and again gives the same bytes as one that was not', async () => {
  const [whole, killed] = [`${root}/whole`, `${root}/killed`];
  const uninterrupted = start(whole);
  const random = rng(Date.now());
  let kills = 0;
  while (kills < 5 && (await start(killed, { after: 1 + Math.floor(random() * 8), delay: random() * 12 }))) kills++;
  if (kills === 5) await start(killed);
  expect(kills).toBeGreaterThan(1);
  await uninterrupted;
  const [expected, actual] = [await contents(whole), await contents(killed)];
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const name of Object.keys(expected)) expect(actual[name]!.equals(expected[name]!)).toBe(true);
  const metrics = (dir: string) => readFile(`${dir}/metrics.jsonl`, 'utf8');
  expect(await metrics(killed)).toBe(await metrics(whole));
}, 60000);
