import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Launcher, launch } from '@blip2/testing/mpi';
import type { Job, Measured } from './job.js';

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));
const node = ['--conditions=@blip2/source', '--import', 'tsx', worker];

/** Runs a job in processes of its own. */
export async function measure(job: Job, launcher: Launcher): Promise<Measured> {
  const args = [...node, JSON.stringify(job)];
  if (job.processes === 1) {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
    return JSON.parse(stdout) as Measured;
  }
  const program = ['-n', String(job.processes), process.execPath, ...args];
  const { code, stdout, stderr } = await launch(launcher, program, { cwd: root }).ended;
  if (code !== 0) throw new Error(`A measurement failed: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout) as Measured;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
};
