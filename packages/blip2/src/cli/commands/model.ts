import type { Blip2 } from '../../model/blip2.js';
import type { ModelKind } from '../../model/config.js';
import type { Shared } from '../options.js';
import type { Session } from '../session.js';

/** What a command needs; with 'any' the retrieval model where a training run has both. */
export type Need = ModelKind | 'any';

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
  const { signal, terminal } = session;
  const onProgress = (progress: { done: number; total: number }): void => terminal.progress('loading', progress);
  const need = wanted === 'any' ? (await stagesIn(options.model)).at(-1) : wanted;
  const model = await fromPretrained(options.model, { need, signal, onProgress });
  terminal.end();
  return model;
}
