import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { type Measurement, measure } from './measure.js';
import { register } from './register.js';
import { selfCheck } from './self-check.js';

/** What computes: the WebAssembly kernels of `@blip2/backend-simd`, the GPU, or the faster of them. */
export type Device = 'auto' | 'wasm' | 'webgpu';

/** The names of all devices. */
export const devices: readonly Device[] = ['auto', 'wasm', 'webgpu'];

/** Which device computes, and why. */
export interface DeviceReport {
  /** The device that was asked for. */
  readonly requested: Device;
  /** The device that computes. */
  readonly device: 'wasm' | 'webgpu';
  /** Why it is this one, in a sentence. */
  readonly reason: string;
  /** The GPU, as WebGPU names it, where there is one. */
  readonly adapter?: string;
  /** What was measured to choose, for `auto`. */
  readonly measured?: readonly Measurement[];
}

/** Options of `useDevice`. */
export interface DeviceOptions {
  /** The name of a backend of `@blip2/backend-simd` that is registered. Default `simd`. */
  readonly wasm?: string;
}

/**
 * Makes TensorFlow.js compute on a device. `auto` measures a few products on both, with reading them back, and takes the faster. Before
 * the GPU is taken, its results are compared with those of the WebAssembly kernels. Where there is no WebGPU, or its results are wrong,
 * the WebAssembly kernels compute, and the report says why; where WebGPU was asked for, or is wrong, a warning does too.
 * @throws where the backend `wasm` is not registered
 */
export async function useDevice(requested: Device, { wasm = 'simd' }: DeviceOptions = {}): Promise<DeviceReport> {
  if (!tf.findBackendFactory(wasm)) {
    throw new Error(
      `There is no backend '${wasm}' to compare WebGPU with; call register of @blip2/backend-simd first.`,
    );
  }
  const report = requested === 'wasm' ? wanted(requested) : await choose(requested, wasm);
  await tf.setBackend(report.device === 'wasm' ? wasm : 'webgpu');
  return report;
}

const wanted = (requested: 'wasm' | 'webgpu'): DeviceReport => ({
  requested,
  device: requested,
  reason: `The device ${requested} was asked for.`,
});

/** The report of another device than was hoped for, and a warning where WebGPU was asked for or is wrong. */
function fallBack(report: Omit<DeviceReport, 'device'>, warn: boolean): DeviceReport {
  if (warn) console.warn(`${report.reason} The WebAssembly kernels compute.`);
  return { ...report, device: 'wasm' };
}

async function choose(requested: 'auto' | 'webgpu', wasm: string): Promise<DeviceReport> {
  await tf.setBackend(wasm);
  const backend = await register().catch((error: Error) => error);
  if (backend instanceof Error) return fallBack({ requested, reason: backend.message }, requested === 'webgpu');
  const adapter = nameOf(backend);
  const measured = requested === 'auto' ? await measure(wasm) : undefined;
  const found = { requested, adapter, ...(measured && { measured }) };
  const [onWasm, onWebgpu] = [sumOf(measured, 'wasm'), sumOf(measured, 'webgpu')];
  const figures = `A few products took ${milliseconds(onWasm)} with WebAssembly and ${milliseconds(onWebgpu)} with WebGPU.`;
  if (measured && onWasm <= onWebgpu) return fallBack({ ...found, reason: figures }, false);
  const wrong = await selfCheck(backend, wasm);
  if (wrong) return fallBack({ ...found, reason: `WebGPU computes wrongly here (${wrong}).` }, true);
  return { ...found, device: 'webgpu', reason: measured ? figures : wanted('webgpu').reason };
}

const sumOf = (measured: readonly Measurement[] | undefined, device: 'wasm' | 'webgpu'): number =>
  (measured ?? []).reduce((sum, one) => sum + one[device], 0);

const milliseconds = (time: number): string => `${time.toFixed(1)} ms`;

/** What WebGPU says of the adapter, without what it keeps to itself. */
function nameOf({ adapterInfo }: WebGPUBackend): string {
  const { vendor, architecture } = adapterInfo as unknown as { vendor?: string; architecture?: string };
  return [vendor, architecture].filter((part) => part).join(' ') || 'unknown';
}
