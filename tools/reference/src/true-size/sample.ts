import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { fromPretrained } from '@blip2/models';
import { fixture } from '@blip2/testing';
import { ensureBackend } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { readPlainly } from './files.js';

// One sample of `measure.ts`, in a process of its own: 'read FOLDER' or 'load FOLDER' writes a line of JSON.

/** What reading or loading a folder once took. */
export interface Sample {
  readonly seconds: number;
  /** Of the processors, in all threads. */
  readonly cpu: number;
}

/** What loading a folder took, and the model in it. */
export interface LoadSample extends Sample {
  /** The longest time without progress, in seconds. */
  readonly silence: number;
  /** Bytes of resident memory: of Node with the backend, with the model, and the most until an image was captioned or matched. */
  readonly resident: { readonly before: number; readonly loaded: number; readonly peak: number };
  /** The most bytes of the backend's heap in use. */
  readonly heap: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tokens: { type: 'string', default: '20' }, beams: { type: 'string', default: '1' } },
});
const [what, folder] = positionals as ['read' | 'load', string];

async function timed<T>(f: () => Promise<T>): Promise<[Sample, T]> {
  const [began, before] = [performance.now(), process.cpuUsage()];
  const made = await f();
  const { user, system } = process.cpuUsage(before);
  return [{ seconds: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 }, made];
}

/** `VmRSS` or `VmHWM` of this process. */
async function resident(field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  return 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
}

async function load(): Promise<LoadSample> {
  await ensureBackend();
  await tf.ready();
  const before = await resident('VmRSS');
  let [last, silence] = [performance.now(), 0];
  const onProgress = (): void => {
    const now = performance.now();
    [last, silence] = [now, Math.max(silence, now - last)];
  };
  const [sample, model] = await timed(() => fromPretrained(folder, { onProgress }));
  const loaded = await resident('VmRSS');
  const image = fixture('photos/chelsea.png');
  const count = Number(values.tokens);
  if (model.models[0]?.kind === 'retrieval') await model.match(image, 'a cat next to a cup');
  else await model.caption(image, { beams: Number(values.beams), minNewTokens: count, maxNewTokens: count });
  const { heap } = tf.memory() as unknown as { heap: { peak: number } };
  const peak = await resident('VmHWM');
  return { ...sample, silence: silence / 1000, resident: { before, loaded, peak }, heap: heap.peak };
}

const found = what === 'read' ? (await timed(() => readPlainly(folder)))[0] : await load();
process.stdout.write(`${JSON.stringify(found)}\n`);
process.exit(0);
