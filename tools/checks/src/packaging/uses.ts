/**
 * What a package does with files of its own that no import shows (wasm, data, models); run in the project that its
 * tarball was installed into, where a forgotten file makes it throw.
 */
export const uses: Readonly<Record<string, string>> = {
  '@blip2/attention': `
    import { readFile } from 'node:fs/promises';
    const url = new URL('kernels.simd.wasm', import.meta.resolve('@blip2/attention'));
    if (!WebAssembly.validate(await readFile(url))) throw new Error(url + ' is no module');`,
  '@blip2/backend-simd': `
    import * as tf from '@tensorflow/tfjs';
    import { register } from '@blip2/backend-simd';
    await register({ threads: 2 });
    tf.setBackend('simd');
    const [value] = await tf.matMul(tf.ones([1, 8]), tf.ones([8, 1])).data();
    if (value !== 8) throw new Error('1·1 summed eight times is ' + value);
    process.exit(0);`,
  '@blip2/emoji': `
    import { loadEmoji } from '@blip2/emoji';
    if (loadEmoji().length < 1500) throw new Error('only ' + loadEmoji().length + ' emoji');`,
};
