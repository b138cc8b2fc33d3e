import { freemem, totalmem } from 'node:os';
import { type StarterModel, starterUrl } from '@blip2/starter';
import { join, toPath } from '@blip2/tensor/files';

/** The free memory in bytes, or less where a control group or container is limited to less. */
export function systemMemory(): number {
  const allowed = process.constrainedMemory();
  const remaining =
    allowed > 0 && allowed < totalmem() ? allowed - process.memoryUsage.rss() : Number.POSITIVE_INFINITY;
  return Math.max(0, Math.min(freemem(), remaining));
}

/**
 * The folder of a model that ships with `@blip2/starter`.
 * @param base the folder of its models, where they were copied elsewhere. Default: that of the package
 */
export async function starterFolder(model: StarterModel, base?: string | URL): Promise<string> {
  return base === undefined ? toPath(starterUrl(model)) : join(toPath(base), model);
}
