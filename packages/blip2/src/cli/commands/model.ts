import type { Download, ResolveOptions } from '../../hub/index.js';
import type { Blip2 } from '../../model/blip2.js';
import type { ModelKind } from '../../model/config.js';
import type { Shared } from '../options.js';
import type { Session } from '../session.js';

/** What a command needs; with 'any' the retrieval model where a training run has both. */
export type Need = ModelKind | 'any';

/** Lets a command tell how a download goes, and stop it. */
export function fromHub({ signal, terminal }: Session): ResolveOptions {
  const onDownload = ({ file, done, total }: Download): void => {
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
  const [{ useBackend }, { fromPretrained }, { stagesIn }] = await Promise.all([
    import('../backend.js'),
    import('../../model/blip2.js'),
    import('../../model/load.js'),
  ]);
  await useBackend(options);
  const { terminal } = session;
  const onProgress = (progress: { done: number; total: number }): void => terminal.progress('loading', progress);
  const need = wanted === 'any' ? (await stagesIn(options.model)).at(-1) : wanted;
  const model = await fromPretrained(options.model, { ...fromHub(session), need, onProgress });
  terminal.end();
  return model;
}
