import { type ResolveOptions, resolveModel } from '../hub/index.js';
import { compareTexts, type Match } from './compare.js';
import type { ModelKind } from './config.js';
import { type LoadOptions, loadFolder, stagesIn } from './load.js';
import type { GenerationModel, LoadedModel, RetrievalModel } from './loaded.js';
import { type Image, type Seen, see, seeing } from './look.js';
import { retrievalModel } from './pick.js';
import { type Speech, speaking } from './speaking.js';

/** A model to use: says what is on pictures, answers questions, compares pictures with texts. */
export interface Blip2 extends Speech, Disposable {
  /** What was loaded: one folder's model, or both of a training run. */
  readonly models: readonly LoadedModel[];
  /** Looks at a picture once, for all that is then said or asked of it. Dispose what comes back. */
  look(image: Image): Promise<Seen>;
  match(image: Image, text: string): Promise<Match>;
  match(image: Image, texts: readonly string[]): Promise<Match[]>;
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

/** Binds loaded models to one object, which takes them over. */
export function blip2(models: readonly LoadedModel[], origin = models.map(({ folder }) => folder).join(', ')): Blip2 {
  const speaker = (): GenerationModel => {
    const found = models.find((model): model is GenerationModel => model.kind === 'generation');
    if (found) return found;
    throw new Error(`'${origin}' has no language model to speak with; give a Blip2ForConditionalGeneration folder.`);
  };
  const judge = (): RetrievalModel => retrievalModel({ models }, origin);
  const free = (): void => {
    for (const model of models) model.dispose();
  };

  async function match(image: Image, text: string): Promise<Match>;
  async function match(image: Image, texts: readonly string[]): Promise<Match[]>;
  async function match(image: Image, texts: string | readonly string[]): Promise<Match | Match[]> {
    const model = judge();
    return seeing(model, [image], async (features) => {
      if (typeof texts !== 'string') return await compareTexts(model, { features, texts });
      const [only] = await compareTexts(model, { features, texts: [texts] });
      return only!;
    });
  }

  return {
    models,
    ...speaking(speaker),
    async look(image) {
      if (models[0]) return see(models[0], image);
      throw new Error('No model was given that could look at a picture.');
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
