import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rng } from '@blip2/tensor';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const cli = fileURLToPath(new URL('./main.ts', import.meta.url));
const config = {
  preset: 'smoke',
  stage1: { steps: 8, batchSize: 8, warmupSteps: 1, checkpointEvery: 2 },
  stage2: { steps: 8, batchSize: 8, warmupSteps: 1, checkpointEvery: 2 },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blip2-resume-'));
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs `blip2 train` until it ends, or kills it after it has printed `steps` steps. */
function train(
  out: string,
  steps: number,
  flags: readonly string[] = [],
): Promise<{ code: number | null; printed: number; errors: string }> {
  const args = ['--conditions=@blip2/source', '--import', 'tsx', cli, 'train', '--config', join(folder, 'config.json')];
  const child = spawn(process.execPath, [...args, '--out', join(folder, out), '--threads', '1', '--json', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, BLIP2_CACHE: join(folder, 'cache') },
  });
  let printed = 0;
  let errors = '';
  child.stdout.on('data', (text: Buffer) => {
    printed += text.toString().split('\n').length - 1;
    if (printed >= steps) child.kill('SIGKILL');
  });
  child.stderr.on('data', (text: Buffer) => {
    errors += text.toString();
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, printed, errors })));
}

const weights = (out: string, stage: number): Promise<Buffer> =>
  readFile(join(folder, out, `stage${stage}`, 'model.safetensors'));

test('a run that is killed and resumed several times ends with the same weights as an uninterrupted one', async () => {
  const whole = await train('whole', Number.POSITIVE_INFINITY);
  expect(whole).toMatchObject({ code: 0, printed: 16 });
  const random = rng(5);
  let kills = 0;
  for (let attempt = 0; ; attempt++) {
    const after = kills < 5 ? 2 + Math.floor(4 * random()) : Number.POSITIVE_INFINITY;
    const { code, errors } = await train('killed', after, attempt === 0 ? [] : ['--resume']);
    if (code === 0) break;
    if (code !== null) throw new Error(errors);
    kills++;
  }
  expect(kills).toBeGreaterThanOrEqual(3);
  for (const stage of [1, 2]) {
    expect((await weights('killed', stage)).equals(await weights('whole', stage))).toBe(true);
  }
  const metrics = async (out: string) =>
    (await readFile(join(folder, out, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).losses);
  expect(await metrics('killed')).toEqual(await metrics('whole'));
}, 240_000);

test('a run with another configuration or thread count is not resumed', async () => {
  const { code, errors } = await train('whole', Number.POSITIVE_INFINITY, ['--resume', '--seed', '9']);
  expect(code).toBe(1);
  expect(errors).toMatch(/config/);
}, 60_000);
