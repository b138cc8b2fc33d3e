import { parentPort } from 'node:worker_threads';
import { type DecodeJob, decode } from './decode-job.js';

/** A job as the pool sends it, and the answer to it: the transformed image, or why there is none. */
export type Request = DecodeJob & { readonly id: number };
export type Reply = { readonly id: number } & (
  | { readonly image: Awaited<ReturnType<typeof decode>> }
  | { readonly error: string }
);

parentPort?.on('message', async ({ id, ...job }: Request) => {
  try {
    const image = await decode(job);
    parentPort?.postMessage({ id, image } satisfies Reply, [image.data.buffer as ArrayBuffer]);
  } catch (error) {
    parentPort?.postMessage({ id, error: (error as Error).message } satisfies Reply);
  }
});
