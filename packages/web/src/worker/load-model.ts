import { type Blip2, fromPretrained } from '@blip2/models';
import { useBackend } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import type { CallContext } from '../call-context.js';
import type { ModelInfo } from '../info.js';
import { type LoadSettings, receivedSource, type SentSource } from './source.js';

/** Loads a model in this thread, and emits `download`, `note` and `progress`. */
export async function loadModel(
  source: SentSource | undefined,
  { threads, device, ...options }: LoadSettings,
  { signal, emit }: CallContext,
): Promise<{ readonly model: Blip2; readonly info: ModelInfo }> {
  await useBackend({ threads, device });
  const before = tf.memory().numBytes;
  const model = await fromPretrained(receivedSource(source), {
    ...options,
    signal,
    onDownload: ({ done, total }) => emit('download', { done, total }),
    onNote: (text) => emit('note', text),
    onProgress: ({ done, total }) => emit('progress', { done, total }),
  });
  const language = model.models.find((one) => one.kind === 'generation')?.language;
  const info: ModelInfo = {
    kinds: model.models.map(({ kind }) => kind),
    backend: model.backend,
    isolated: globalThis.crossOriginIsolated ?? true,
    bytes: tf.memory().numBytes - before,
    adapters: language?.lora !== undefined,
  };
  return { model, info };
}
