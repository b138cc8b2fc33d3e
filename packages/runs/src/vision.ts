import { cacheKey, readProcessor } from '@blip2/data';
import type { FrozenModel } from '@blip2/models';
import { readConfigJson } from '@blip2/tensor/files';
import { loadVision, type VisionModel } from '@blip2/training';
import { encodePixels, readVisionConfig, visionTokens } from '@blip2/vision';
import type { RunConfig } from './config/schema.js';
import { fingerprint, frozenFolders } from './frozen.js';

/** An image encoder of your own for a run, in place of the folder that the configuration names. */
export type CustomVision = VisionModel & {
  /** The name by which the trained models refer to it; they hold no weights of it. */
  readonly name: string;
  /** Identifies its weights, such as their SHA-256. Cached features and checkpoints are only used with the same one. */
  readonly fingerprint: string;
};

/** The image encoder of a run. */
export interface RunVision {
  readonly vision: VisionModel;
  /** The number of features of an image, N, where it is known. */
  readonly tokens?: number | undefined;
  /** Identifies the encoder's weights and its image processor. */
  readonly fingerprint: string;
  /** How the trained models store it: as a copy of a folder's weights, or by name. */
  readonly frozen: FrozenModel;
  /** Frees the encoder, unless it was given; one that is used again is loaded again. */
  dispose(): void;
}

/**
 * Opens the image encoder of a run: the given one, or that of the configuration's folder.
 * @throws for one that is given and is to be trained
 */
export async function openRunVision(
  config: Pick<RunConfig, 'vision' | 'outputStride' | 'language' | 'bert'>,
  { own, trained = false }: { readonly own?: CustomVision | undefined; readonly trained?: boolean } = {},
): Promise<RunVision> {
  if (own && trained) {
    throw new Error(
      `The image encoder '${own.name}' is given, and a run saves no weights of it; train one of a folder, or leave out the rule that trains it.`,
    );
  }
  if (own) {
    const { name, width, processor } = own;
    const key = await cacheKey(name, own.fingerprint, width, processor);
    return { vision: own, fingerprint: key, frozen: { external: name }, dispose: () => {} };
  }
  const { vision: folder } = frozenFolders(config);
  const outputStride = config.outputStride ?? undefined;
  const vision = trained ? await trainableVision(folder, outputStride) : await lazyVision(folder, outputStride);
  const weights = await fingerprint(folder);
  return {
    vision,
    tokens: vision.tokens,
    fingerprint: outputStride === undefined ? weights : await cacheKey(weights, outputStride),
    frozen: { folder, outputStride },
    dispose: () => vision.dispose(),
  };
}

type OpenVision = VisionModel & { readonly tokens: number; dispose(): void };

/** The image encoder of a folder with its parameters, which are held from the start. */
async function trainableVision(folder: string, outputStride: 16 | 32 | undefined): Promise<OpenVision> {
  const loaded = await loadVision(folder, { outputStride });
  return { ...loaded, tokens: (await lazyVision(folder, outputStride)).tokens };
}

/** The image encoder of a folder, loaded when the first images are encoded: a run whose features are cached never holds it. */
async function lazyVision(folder: string, outputStride: 16 | 32 | undefined): Promise<OpenVision> {
  const [json, processor] = [await readConfigJson(folder), await readProcessor(folder)];
  const config = readVisionConfig(outputStride === undefined ? json : { ...json, output_stride: outputStride });
  let loading: ReturnType<typeof loadVision> | undefined;
  const loaded = () => {
    loading ??= loadVision(folder, { outputStride });
    return loading;
  };
  return {
    width: config.hiddenSize,
    tokens: visionTokens(config),
    processor,
    encode: async (pixels) => encodePixels(await loaded(), pixels),
    dispose() {
      loading?.then((vision) => vision.dispose()).catch(() => {}); // who encodes is told
      loading = undefined;
    },
  };
}

/**
 * Puts the name of a given image encoder into a configuration, as a run stores it.
 * @throws for an encoder without a name or a fingerprint
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
