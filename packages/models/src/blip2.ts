import { type BackendOptions, type BackendReport, currentBackend, ensureBackend, useBackend } from '@blip2/training';
import { type EncodedImage, encodeImage, type ImageInput, withEncodedImages } from './encode-images.js';
import { checkFolder, type LoadOptions } from './folder/load.js';
import { loadModels } from './folder/load-models.js';
import type { LoadedModel } from './folder/loaded-model.js';
import {
  type AskOptions,
  type CaptionOptions,
  type GenerationMethods,
  generationMethods,
} from './generate/caption-and-ask.js';
import { describeSource, type ModelSource, openModelSource, type SourceOptions } from './model-source.js';
import { type Match, matchTexts } from './retrieval/match.js';
import { anyModel, generationModel, retrievalModel } from './select-model.js';

/** A loaded BLIP-2: captions images, answers questions about them, and scores image-text pairs. */
export interface Blip2 extends GenerationMethods, Disposable {
  /** The loaded models: one of an ordinary folder, up to two of a training run's folder (stage 2 first). */
  readonly models: readonly LoadedModel[];
  /** The backend of TensorFlow.js that was in use when the model was loaded. */
  readonly backend: BackendReport;
  /** Encodes an image once, for use in several calls. The caller disposes the result. */
  encodeImage(image: ImageInput): Promise<EncodedImage>;
  /**
   * Scores how well a text describes an image, by ITM and ITC.
   * @throws where no retrieval model (`Blip2ForImageTextRetrieval`, or stage 1) was loaded
   */
  match(image: ImageInput, text: string): Promise<Match>;
  /** Scores several texts against one image, which is encoded once; the results are in the order of the texts. */
  match(image: ImageInput, texts: readonly string[]): Promise<Match[]>;
  /** Frees everything that loading created. */
  dispose(): void;
}

/**
 * Options of `fromPretrained`: `onDownload` reports downloaded bytes, `onProgress` afterwards the values loaded, and `device` chooses
 * what computes, for all models from then on: `backend.device` of the result says what it is and why.
 */
export type PretrainedOptions = LoadOptions & SourceOptions & Pick<BackendOptions, 'device'>;

/**
 * Loads a BLIP-2 or InstructBLIP model from a folder or from the Hugging Face hub, where it is downloaded once. Registers
 * the `simd` backend with its attention kernels unless a backend of TensorFlow.js is in use already; `backend` of the
 * result says which one runs.
 *
 * In a page, what comes from the hub or from an address is kept in the page's storage. Weights are read tensor by tensor, so that
 * no second copy of their file is in memory, and a model that does not fit is refused before any of them is requested.
 * @param source a Hugging Face folder (a path or a `file:` URL), the folder of a training run (both of its models are
 * loaded unless `kind` selects one), or a hub name: `org/name` or `org/name@revision`; in a page also an address, the files of an
 * input or of a drop, or a directory. Default: the model that `@blip2/starter` has, which knows drawings of emoji
 * @throws as `resolveModel` and `loadFolder` do
 */
export async function fromPretrained(source?: ModelSource, options: PretrainedOptions = {}): Promise<Blip2> {
  await (options.device ? useBackend({ device: options.device }) : ensureBackend());
  const beforeDownload = (folder: string): Promise<void> => checkFolder(folder, options);
  const opened = await openModelSource(source, { beforeDownload, ...options });
  try {
    const loaded = blip2(await loadModels(opened.folder, options), describeSource(source, opened.folder));
    const dispose = (): void => {
      loaded.dispose();
      opened.close();
    };
    return { ...loaded, dispose, [Symbol.dispose]: dispose };
  } catch (error) {
    opened.close();
    throw error;
  }
}

/**
 * Makes one object of loaded models, which owns them from then on.
 * @param origin names the models in errors. Default: their folders
 */
export function blip2(models: readonly LoadedModel[], origin = models.map(({ folder }) => folder).join(', ')): Blip2 {
  const generation = (): GenerationMethods => generationMethods(generationModel({ models }, origin));
  const dispose = (): void => {
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
    dispose,
    [Symbol.dispose]: dispose,
  };
}
