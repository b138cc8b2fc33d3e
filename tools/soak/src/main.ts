import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { launchers } from '@blip2/testing/mpi';
import { soakServer } from './server.js';
import { soak } from './soak.js';

const usage = `npm run soak -- [train] [--kills N] [--seed N] [--steps N] [--processes N]
npm run soak -- server [--clients N] [--seconds N] [--requests N] [--connections N]
npm run soak -- bundles [TARGET…]
npm run soak -- site
npm run soak -- first-answer

Kills a training run on drawn images at N random moments (default 100), resumes it each time, and compares its weights, losses and
evaluations with those of a run that was never killed. With --processes, so many train together on MPI, of which one or all are
killed. What differs is kept in a temporary folder.

server: loads 'blip2 serve' with captions by 32 clients for a minute, in batches and one at a time, then with 6000 requests of all kinds,
and with broken images, bombs, slow bodies and 10000 connections; its answers must be right and its memory flat.

bundles: builds the programs of docs/browser.md with every bundler, opens them in Chromium and Firefox, and runs them in Deno and Bun;
all must give what Node does. Installs these tools in a temporary folder. The packages must have been built (npm run build).

site: walks through the built web page in Chromium with real files, as the check of this name does, and trains 200 steps on 60 images.

first-answer: installs blip2 from its tarballs in an empty folder, and times 'npx blip2 serve' until OpenAI's client has a caption, which
must take a minute at most. The packages must have been built.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    clients: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '60' },
    requests: { type: 'string', default: '6000' },
    connections: { type: 'string', default: '10000' },
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '40' },
    processes: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});

const number = (name: Exclude<keyof typeof values, 'help'>): number => {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`--${name} must be a whole number, at least 1, not '${values[name]}'.`);
};

async function main(): Promise<void> {
  if (values.help) return console.log(usage);
  const [what = 'train', ...others] = positionals;
  if (what === 'bundles') return check('bundles', others.length > 0 ? others : ['every']);
  if (what === 'site') return check('site', ['long']);
  if (what === 'first-answer') return check('first-answer', []);
  if (!['train', 'server'].includes(what) || others.length > 0) throw new Error(usage);
  if (what === 'server') return server();
  const folder = await mkdtemp(join(tmpdir(), 'blip2-soak-'));
  const began = performance.now();
  const processes = number('processes');
  const [launcher] = launchers();
  if (processes > 1 && !launcher) throw new Error('--processes needs an MPI, such as Open MPI or MPICH; install one.');
  const together = processes > 1 && launcher ? { launcher, processes } : undefined;
  const options = { folder, kills: number('kills'), seed: number('seed'), steps: number('steps'), together };
  const { differences, ...counts } = await soak({ ...options, onEvent: (text) => console.error(text) });
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(JSON.stringify({ ...counts, differences, seconds }));
  if (differences.length > 0) process.exitCode = 1;
  else await rm(folder, { recursive: true });
}

async function server(): Promise<void> {
  const load = { clients: number('clients'), seconds: number('seconds') };
  const more = { requests: number('requests'), connections: number('connections') };
  const result = await soakServer({ ...load, ...more, onEvent: (text) => console.error(text) });
  console.log(JSON.stringify(result, null, 2));
  const slow = result.speedup < 1.5;
  if (slow) console.error(`Batches are only ${result.speedup.toFixed(2)} times as fast.`);
  if (slow || result.problems.length > 0) process.exitCode = 1;
}

/** Runs a check of tools/checks in its long form. */
async function check(name: string, options: readonly string[]): Promise<void> {
  const script = fileURLToPath(new URL('../../checks/src/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, name, ...options], { stdio: 'inherit' });
  const [code] = await once(child, 'close');
  if (code !== 0) process.exitCode = 1;
}

await main();
