import { type ResolveOptions, resolveModel } from '@blip2/hub';
import { type BackendReport, currentBackend, ensureBackend } from '@blip2/training';
import { type EncodedImage, encodeImage, type ImageInput, withEncodedImages } from './encode-images.js';
import type { ModelKind } from './folder/config.js';
import { type LoadOptions, loadFolder, stagesIn } from './folder/load.js';
import type { LoadedModel } from './folder/loaded-model.js';
import {
  type AskOptions,
  type CaptionOptions,
  type GenerationMethods,
  generationMethods,
} from './generate/caption-and-ask.js';
import { type Match, matchTexts } from './retrieval/match.js';
import { anyModel, generationModel, retrievalModel } from './select-model.js';

/** A model to use: says what is on images, answers questions, compares images with texts. */
export interface Blip2 extends GenerationMethods, Disposable {
  /** What was loaded: one folder's model, or both of a training run. */
  readonly models: readonly LoadedModel[];
  /** The backend of TensorFlow.js that computed when the model was loaded. */
  readonly backend: BackendReport;
  /** Encodes an image once, for several calls. The caller disposes the result. */
  encodeImage(image: ImageInput): Promise<EncodedImage>;
  match(image: ImageInput, text: string): Promise<Match>;
  match(image: ImageInput, texts: readonly string[]): Promise<Match[]>;
  dispose(): void;
}

/** `onProgress` tells of values that are loaded, `onDownload` of bytes that are downloaded before. */
export type PretrainedOptions = LoadOptions & ResolveOptions;

/**
 * A model from a folder as Hugging Face has them, from the folder of a training run (both of its models then, unless
 * `need` says which), or by its name on the hub (`org/name`, `org/name@revision`), downloaded once.
 * @throws see `resolveModel` and `loadFolder`
 */
export async function fromPretrained(model: string, options: PretrainedOptions = {}): Promise<Blip2> {
  await ensureBackend();
  const folder = await resolveModel(model, options);
  const models: LoadedModel[] = [];
  try {
    for (const need of await needsOf(folder, options.need)) {
      const vision = options.vision ?? models[0]?.vision; // both models of a run look with the same encoder
      models.push(await loadFolder(folder, { ...options, need, vision }));
    }
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  }
  return blip2(models, model);
}

/** Binds loaded models to one object, which owns them from then on. */
export function blip2(models: readonly LoadedModel[], origin = models.map(({ folder }) => folder).join(', ')): Blip2 {
  const generation = (): GenerationMethods => generationMethods(generationModel({ models }, origin));
  const free = (): void => {
    for (const model of models) model.dispose();
  };

  async function match(image: ImageInput, text: string): Promise<Match>;
  async function match(image: ImageInput, texts: readonly string[]): Promise<Match[]>;
  async function match(image: ImageInput, texts: string | readonly string[]): Promise<Match | Match[]> {
    const model = retrievalModel({ models }, origin);
    return withEncodedImages(model, [image], async (features) => {
      if (typeof texts !== 'string') return await matchTexts(model, { features, texts });
      const [only] = await matchTexts(model, { features, texts: [texts] });
      return only!;
    });
  }

  return {
    models,
    backend: currentBackend(),
    caption: (async (image: ImageInput, options?: CaptionOptions) =>
      generation().caption(image, options)) as Blip2['caption'],
    ask: (async (image: ImageInput, question: string, options?: AskOptions) =>
      generation().ask(image, question, options)) as Blip2['ask'],
    async *stream(image, options) {
      yield* generation().stream(image, options);
    },
    async encodeImage(image) {
      return encodeImage(anyModel({ models }), image);
    },
    match,
    dispose: free,
    [Symbol.dispose]: free,
  };
}

/** A training run's folder holds up to two models; any other holds one, whatever it is for. */
async function needsOf(folder: string, need: ModelKind | undefined): Promise<(ModelKind | undefined)[]> {
  const found = need ? [] : await stagesIn(folder);
  return found.length > 0 ? found : [need];
}
