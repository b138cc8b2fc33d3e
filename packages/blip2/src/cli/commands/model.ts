import type { DownloadProgress, ResolveOptions } from '@blip2/hub';
import type { Blip2, ModelKind } from '@blip2/models';
import type { SharedOptions } from '../options.js';
import { loadOwnModels, type OwnModelFlags } from '../own-models.js';
import type { Session } from '../session.js';

/** Makes TensorFlow.js compute with the chosen backend. */
export async function startBackend({ backend, threads }: SharedOptions): Promise<void> {
  const { useBackend } = await import('@blip2/training');
  await useBackend({ backend, threads });
}

/** Options for the hub that show a download's progress, and stop it with the command. */
export function hubOptions({ signal, terminal }: Session): ResolveOptions {
  const onDownload = ({ file, done, total }: DownloadProgress): void => {
    const megabytes = (bytes: number): number => Math.round(bytes / 1e5) / 10;
    terminal.progress('downloading', { done: megabytes(done), total: megabytes(total), unit: 'MB', detail: file });
  };
  return { signal, onDownload, onNote: (text) => terminal.line(text) };
}

/**
 * Loads the model of a command. Of a training run's folder it loads the kind that is wanted; for 'any' the retrieval model,
 * where both are there. Without a model it takes the starter's.
 */
export async function openModel(
  session: Session,
  options: SharedOptions & OwnModelFlags & { readonly model?: string; readonly maxNewTokens?: number | undefined },
  wanted: ModelKind | 'any',
): Promise<Blip2> {
  await startBackend(options);
  const { fromPretrained, modelKindsIn } = await import('@blip2/models');
  const { terminal } = session;
  const onProgress = (progress: { done: number; total: number }): void => terminal.progress('loading', progress);
  const { model: given } = options;
  const any = async () => (given === undefined ? 'retrieval' : (await modelKindsIn(given)).at(-1));
  const own = await loadOwnModels(options);
  const model = await fromPretrained(given, {
    ...own,
    ...hubOptions(session),
    kind: wanted === 'any' ? await any() : wanted,
    onProgress,
    orient: options.orient,
    maxNewTokens: options.maxNewTokens,
  });
  terminal.end();
  return model;
}
