import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { DecodedImage } from '@blip2/data';
import { type DecodeJob, decode } from './decode-job.js';
import type { Reply, Request } from './decode-worker.js';

/** Decodes images in worker threads. */
export interface DecodePool {
  /** Decodes and transforms an image. @throws for a file that cannot be decoded */
  decode(job: DecodeJob): Promise<DecodedImage>;
  /** Ends the workers; what they still decode is rejected. */
  close(): Promise<void>;
}

/** Workers where their number is not given: the cores besides the one that trains, at most 4. */
export const defaultWorkers = (): number => Math.max(1, Math.min(4, availableParallelism() - 1));

/** Starts worker threads that decode images; with 0, images are decoded in this thread. */
export function decodePool(workers: number): DecodePool {
  if (workers === 0) return { decode, close: async () => {} };
  const threads = Array.from({ length: workers }, () => thread());
  return {
    decode: (job) => threads.reduce((least, one) => (one.pending() < least.pending() ? one : least)).decode(job),
    close: async () => {
      await Promise.all(threads.map((one) => one.close()));
    },
  };
}

type Waiting = { readonly resolve: (image: DecodedImage) => void; readonly reject: (error: Error) => void };

const script = new URL('./decode-worker.js', import.meta.url);

/** Starts a worker; where this file runs from its source, as in tests, it loads sources too. */
function startWorker(): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(script, { execArgv: [] });
  const source = JSON.stringify(script.href.replace(/js$/, 'ts'));
  const load = `import('tsx/esm/api').then(({ register }) => { register(); return import(${source}); });`;
  return new Worker(load, { eval: true, execArgv: ['--conditions=@blip2/source'] });
}

function thread() {
  const worker = startWorker();
  const waiting = new Map<number, Waiting>();
  let next = 0;
  let closing = false;
  const fail = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on('message', (reply: Reply) => {
    const job = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (waiting.size === 0 && !closing) worker.unref();
    if ('image' in reply) job?.resolve(reply.image);
    else job?.reject(new Error(reply.error));
  });
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('A thread that decodes images has ended.')));
  worker.unref();
  return {
    pending: () => waiting.size,
    decode: (job: DecodeJob) =>
      new Promise<DecodedImage>((resolve, reject) => {
        const id = next++;
        waiting.set(id, { resolve, reject });
        worker.ref();
        worker.postMessage({ id, ...job } satisfies Request);
      }),
    close: () => {
      closing = true;
      worker.ref(); // a process that waits for nothing else would end here, with whatever it has still to say
      return worker.terminate();
    },
  };
}
