import type { DownloadProgress, ResolveOptions } from '@blip2/hub';
import type { Blip2, ModelKind } from '@blip2/models';
import type { Shared } from '../options.js';
import type { Session } from '../session.js';

/** What a command needs; with 'any' the retrieval model where a training run has both. */
export type Need = ModelKind | 'any';

/** Lets a command tell how a download goes, and stop it. */
export function fromHub({ signal, terminal }: Session): ResolveOptions {
  const onDownload = ({ file, done, total }: DownloadProgress): void => {
    const [mine, all] = [done, total].map((bytes) => Math.round(bytes / 1e5) / 10);
    terminal.progress('downloading', { done: mine!, total: all!, unit: 'MB', detail: file });
  };
  return { signal, onDownload, onNote: (text) => terminal.line(text) };
}

/** Loads a folder for a command; the libraries are loaded only here, so that wrong usage is told at once. */
export async function openModel(
  session: Session,
  options: Shared & { readonly model: string },
  wanted: Need,
): Promise<Blip2> {
  const [{ useBackend }, { fromPretrained }, { modelKindsIn }] = await Promise.all([
    import('../backend.js'),
    import('@blip2/models'),
    import('@blip2/models'),
  ]);
  await useBackend(options);
  const { terminal } = session;
  const onProgress = (progress: { done: number; total: number }): void => terminal.progress('loading', progress);
  const kind = wanted === 'any' ? (await modelKindsIn(options.model)).at(-1) : wanted;
  const model = await fromPretrained(options.model, { ...fromHub(session), kind, onProgress });
  terminal.end();
  return model;
}
