import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const folder = fileURLToPath(new URL('..', import.meta.url));

test('a process that used the pool ends by itself', async () => {
  const script = `
    import * as tf from '@tensorflow/tfjs';
    import { register } from '@blip2/backend-simd';
    const backend = await register({ threads: 3 });
    tf.setBackend('simd');
    const x = tf.ones([400, 400]);
    for (let i = 0; i < 20; i++) tf.matMul(x, x).dispose();
    process.stdout.write(backend.pool.threads + ' ' + tf.matMul(x, x).dataSync()[7]);
  `;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: folder,
    timeout: 20_000,
  });
  expect((await run).stdout).toBe('3 400');
}, 25_000);
