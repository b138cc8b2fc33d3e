import { cacheKey } from '@blip2/data';
import type { Frozen } from '@blip2/models';
import { loadVision, type VisionModel } from '@blip2/training';
import type { RunConfig } from './config/schema.js';
import { fingerprint, frozenFolders } from './frozen.js';

/** An image encoder of the caller's own for a run, in place of the folder that the configuration names. */
export type CustomVision = VisionModel & {
  /** All that the trained models keep of it. */
  readonly name: string;
  /** Another one for other weights, such as their SHA-256: features on disk and checkpoints belong to it. */
  readonly fingerprint: string;
};

/** The image encoder of a run. */
export interface RunVision {
  readonly vision: VisionModel;
  /** Says which encoder looks, and how images are made ready for it. */
  readonly fingerprint: string;
  /** How the trained models refer to it. */
  readonly frozen: Frozen;
  /** Frees what was loaded here; an encoder that was given stays with whoever made it. */
  dispose(): void;
}

/** The encoder that is given, or else the one of the configuration's folder, loaded. */
export async function openRunVision(
  config: Pick<RunConfig, 'vision' | 'language' | 'bert'>,
  own?: CustomVision,
): Promise<RunVision> {
  if (own) {
    const { name, width, processor } = own;
    const key = await cacheKey(name, own.fingerprint, width, processor);
    return { vision: own, fingerprint: key, frozen: { external: name }, dispose: () => {} };
  }
  const { vision: folder } = frozenFolders(config);
  const vision = await loadVision(folder);
  const frozen = { folder };
  return { vision, fingerprint: await fingerprint(folder), frozen, dispose: () => vision.dispose?.() };
}

/**
 * The configuration as a run writes it down: with the name of the encoder that is given.
 * @throws for one without a name or a fingerprint, before anything is looked at
 */
export function withVision<C extends { readonly vision: string }>(config: C, own?: CustomVision): C {
  if (!own) return config;
  for (const [key, hint] of [
    ['name', 'by which the trained models refer to it'],
    ['fingerprint', "that changes with its weights, such as their file's SHA-256"],
  ] as const) {
    if (typeof own[key] === 'string' && own[key] !== '') continue;
    throw new Error(`The image encoder given to this run has no ${key}; give one ${hint}.`);
  }
  return { ...config, vision: own.name };
}
