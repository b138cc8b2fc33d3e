import { execFile } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';

/** Runs a module in a process of its own, where nothing has chosen a backend yet. */
async function run(code: string): Promise<{ stdout: string; stderr: string }> {
  const args = ['--conditions=@blip2/source', '--import', 'tsx', '--input-type=module', '--eval', code];
  return promisify(execFile)(process.execPath, args, { cwd: fileURLToPath(new URL('.', import.meta.url)) });
}

const opt = pathToFileURL(fixture('hf-opt')).href;

test('fromPretrained uses the simd backend, says so, and TensorFlow.js prints nothing', async () => {
  const { stdout, stderr } = await run(`
    import { fromPretrained } from '@blip2/models';
    import * as tf from '@tensorflow/tfjs';
    const model = await fromPretrained(new URL(${JSON.stringify(opt)}));
    console.log(JSON.stringify({ backend: model.backend, running: tf.getBackend() }));
    model.dispose();
    process.exit(0);
  `);
  expect(JSON.parse(stdout)).toEqual({ backend: { name: 'simd', threads: expect.any(Number) }, running: 'simd' });
  expect(stderr).toBe('');
}, 60_000);

test('a backend that was chosen before stays', async () => {
  const { stdout } = await run(`
    import { fromPretrained } from '@blip2/models';
    import * as tf from '@tensorflow/tfjs';
    await tf.setBackend('cpu');
    const model = await fromPretrained(new URL(${JSON.stringify(opt)}));
    console.log(JSON.stringify(model.backend));
    process.exit(0);
  `);
  expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual({ name: 'cpu' });
}, 60_000);
