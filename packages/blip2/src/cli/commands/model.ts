import type { Blip2 } from '../../model/blip2.js';
import type { ModelKind } from '../../model/config.js';
import type { Shared } from '../options.js';
import type { Session } from '../session.js';

/** Loads a folder for a command; the libraries are loaded only here, so that wrong usage is told at once. */
export async function openModel(
  session: Session,
  options: Shared & { readonly model: string },
  need: ModelKind,
): Promise<Blip2> {
  const [{ useBackend }, { fromPretrained }] = await Promise.all([
    import('../backend.js'),
    import('../../model/blip2.js'),
  ]);
  await useBackend(options);
  const { signal, terminal } = session;
  const onProgress = (progress: { done: number; total: number }): void => terminal.progress('loading', progress);
  const model = await fromPretrained(options.model, { need, signal, onProgress });
  terminal.end();
  return model;
}
