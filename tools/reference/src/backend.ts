import * as tf from '@tensorflow/tfjs';

export const backends = ['cpu', 'simd', 'webgpu'] as const;
export type Backend = (typeof backends)[number];

/** Makes a backend the one that everything runs on. @throws when it cannot be had. */
export async function useBackend(name: Backend): Promise<void> {
  tf.enableProdMode(); // no advice on standard error
  if (name === 'simd') {
    const { register } = await import('@blip2/backend-simd');
    await register();
  }
  if (name === 'webgpu') {
    const [{ openDawn }, { register }] = [await import('@blip2/testing/webgpu'), await import('@blip2/backend-webgpu')];
    const found = await openDawn();
    if ('skipped' in found) throw new Error(`The backend 'webgpu' cannot be had: ${found.skipped}.`);
    await register();
  }
  if (!(await tf.setBackend(name))) throw new Error(`The backend '${name}' could not be started.`);
  await tf.ready();
}
