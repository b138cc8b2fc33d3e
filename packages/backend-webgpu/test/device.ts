// Run by src/device.test.ts in a process of its own: chooses devices, also where webgpu computes wrongly.
import { registerAttention } from '@blip2/attention';
import { register } from '@blip2/backend-simd';
import '@blip2/testing';
import { openDawn, report } from '@blip2/testing/webgpu';
import * as tf from '@tensorflow/tfjs';
import { useDevice } from '../src/device.js';

/** Replaces a kernel of webgpu while `f` runs. */
async function instead<T>(kernelName: string, kernelFunc: tf.KernelFunc, f: () => Promise<T>): Promise<T> {
  const right = tf.getKernel(kernelName, 'webgpu');
  const replace = (config: tf.KernelConfig): void => {
    tf.unregisterKernel(kernelName, 'webgpu');
    tf.registerKernel(config);
  };
  replace({ ...right, kernelFunc });
  try {
    return await f();
  } finally {
    replace(right);
  }
}

await report(async () => {
  const adapter = await openDawn();
  if ('skipped' in adapter) return adapter;
  await registerAttention(await register({ threads: 2 }));
  await tf.setBackend('simd');
  const warnings: string[] = [];
  console.warn = (text: string) => warnings.push(text);
  const choices = [];
  const choose = async (name: string, device: 'auto' | 'webgpu'): Promise<void> => {
    const { numTensors } = tf.memory();
    const start = performance.now();
    const { reason, ...rest } = await useDevice(device);
    const seconds = (performance.now() - start) / 1000;
    choices.push({
      name,
      ...rest,
      reason,
      backend: tf.getBackend(),
      leaked: tf.memory().numTensors - numTensors,
      seconds,
    });
  };
  await choose('as asked for', 'webgpu');
  await choose('measured', 'auto');
  const { kernelFunc } = tf.getKernel('Attention', 'webgpu');
  const zeros: tf.KernelFunc = (call) => {
    const y = kernelFunc(call) as tf.TensorInfo;
    const { kernelFunc: zerosLike } = tf.getKernel('ZerosLike', 'webgpu');
    const zeros = zerosLike({ inputs: { x: y }, backend: call.backend, attrs: {} });
    (call.backend as tf.KernelBackend).disposeData(y.dataId);
    return zeros;
  };
  await instead('Attention', zeros, () => choose('wrong numbers', 'webgpu'));
  const throws: tf.KernelFunc = () => {
    throw new Error('no such shader');
  };
  await instead('QuantizedLinearGrad', throws, () => choose('an error', 'webgpu'));
  const { kernelFunc: product } = tf.getKernel('BatchMatMul', 'webgpu');
  const reports: tf.KernelFunc = (call) => {
    const { device } = call.backend as unknown as { device: GPUDevice };
    device.createBuffer({ size: 4, usage: 0 }); // no such usage: reported, and not thrown
    return product(call);
  };
  await instead('BatchMatMul', reports, () => choose('a report', 'webgpu'));
  return { ...adapter, choices, warnings };
});
