import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

/** Runs a module in a process of its own, in which no backend is chosen yet. */
async function runModule(code: string): Promise<{ stdout: string; stderr: string }> {
  const args = ['--conditions=@blip2/source', '--import', 'tsx', '--input-type=module', '--eval', code];
  return promisify(execFile)(process.execPath, args, { cwd: fileURLToPath(new URL('..', import.meta.url)) });
}

const compose = `
  import { starterUrl } from '@blip2/starter';
  import { compose, currentBackend, loadBert } from '@blip2/training';
  import * as tf from '@tensorflow/tfjs';
  const vision = { width: 3, encode: (pixels) => tf.reshape(pixels, [pixels.shape[0], -1, 3]) };
  const text = await loadBert(starterUrl('bert'));
  const { backend } = await compose({ vision, text, qformer: { queries: 2 } });
  const kernels = ['Attention', 'AttentionGrad'].map((name) => tf.getKernel(name, backend.name) !== undefined);
  console.log(JSON.stringify([backend.name, backend.threads > 0, kernels, currentBackend().name]));
  process.exit(0);
`;

test('where no backend was chosen, compose takes simd with its attention kernels, and says nothing on stderr', async () => {
  const { stdout, stderr } = await runModule(compose);
  expect(JSON.parse(stdout)).toEqual(['simd', true, [true, true], 'simd']);
  expect(stderr).toBe('');
}, 60_000);

test('the backend that was chosen stays', async () => {
  const { stdout } = await runModule(`
    import { starterUrl } from '@blip2/starter';
    import { ensureBackend, loadLanguageModel } from '@blip2/training';
    import * as tf from '@tensorflow/tfjs';
    await tf.setBackend('cpu');
    await loadLanguageModel(starterUrl('language'));
    console.log(JSON.stringify(await ensureBackend()));
  `);
  expect(JSON.parse(stdout)).toEqual({ name: 'cpu' });
}, 60_000);

test('loading several models at once takes one backend', async () => {
  const { stdout } = await runModule(`
    import { starterUrl } from '@blip2/starter';
    import { currentBackend, loadLanguageModel, loadVision } from '@blip2/training';
    await Promise.all([loadLanguageModel(starterUrl('language')), loadVision(starterUrl('vision'))]);
    console.log(currentBackend().name);
    process.exit(0);
  `);
  expect(stdout.trim()).toBe('simd');
}, 60_000);
