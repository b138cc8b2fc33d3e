import { type PictureSource, questionProcessor } from '@blip2/data';
import { type ResolveOptions, resolveModel } from '../hub/index.js';
import { compareTexts, type Match } from './compare.js';
import type { ModelKind } from './config.js';
import { type LoadOptions, loadFolder, stagesIn } from './load.js';
import type { GenerationModel, LoadedModel, RetrievalModel } from './loaded.js';
import { look } from './look.js';
import { fillTemplate } from './prompts.js';
import { type SpeakOptions, type Spoken, speak, speakPieces } from './speak.js';

export interface CaptionOptions extends SpeakOptions {
  /** The text goes on from it. Default: the folder's. */
  readonly prompt?: string | undefined;
}

export interface AskOptions extends SpeakOptions {
  /** How a question is put; `{}` is where it goes. Default: the folder's. */
  readonly template?: string | undefined;
}

export type Caption = Omit<Spoken, 'text'> & { readonly caption: string };
export type Answer = Omit<Spoken, 'text'> & { readonly answer: string };

/** A model to use: says what is on pictures, answers questions, compares pictures with texts. */
export interface Blip2 extends Disposable {
  /** What was loaded: one folder's model, or both of a training run. */
  readonly models: readonly LoadedModel[];
  /** 5 beams and at most 30 new tokens by default. */
  caption(image: PictureSource, options?: CaptionOptions): Promise<Caption>;
  /** 5 beams, length penalty -1 and at most 10 new tokens by default. */
  ask(image: PictureSource, question: string, options?: AskOptions): Promise<Answer>;
  match(image: PictureSource, text: string): Promise<Match>;
  match(image: PictureSource, texts: readonly string[]): Promise<Match[]>;
  /** A caption piece by piece, by greedy search. */
  stream(image: PictureSource, options?: Omit<CaptionOptions, 'beams'>): AsyncGenerator<string, void, undefined>;
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
  const judge = (): RetrievalModel => {
    const found = models.find((model): model is RetrievalModel => model.kind === 'retrieval');
    if (found) return found;
    throw new Error(`'${origin}' has no matching heads; give a Blip2ForImageTextRetrieval folder.`);
  };
  const free = (): void => {
    for (const model of models) model.dispose();
  };

  async function say(image: PictureSource, prompt: string, options: SpeakOptions): Promise<Spoken> {
    options.signal?.throwIfAborted();
    const model = speaker();
    const features = await look(model, [image]);
    try {
      const [spoken] = await speak(model, { features, prompts: [prompt] }, options);
      return spoken!;
    } finally {
      features.dispose();
    }
  }

  async function match(image: PictureSource, text: string): Promise<Match>;
  async function match(image: PictureSource, texts: readonly string[]): Promise<Match[]>;
  async function match(image: PictureSource, texts: string | readonly string[]): Promise<Match | Match[]> {
    const model = judge();
    const features = await look(model, [image]);
    try {
      if (typeof texts !== 'string') return await compareTexts(model, { features, texts });
      const [only] = await compareTexts(model, { features, texts: [texts] });
      return only!;
    } finally {
      features.dispose();
    }
  }

  return {
    models,
    async caption(image, { prompt, ...options } = {}) {
      const chosen = { ...captionDefaults, ...defined(options) };
      const { text, ...rest } = await say(image, prompt ?? speaker().prompts.caption, chosen);
      return { caption: text, ...rest };
    },
    async ask(image, question, { template, ...options } = {}) {
      const prompt = fillTemplate(template ?? speaker().prompts.question, questionProcessor(question));
      const { text, ...rest } = await say(image, prompt, { ...answerDefaults, ...defined(options) });
      return { answer: text, ...rest };
    },
    match,
    async *stream(image, { prompt, ...options } = {}) {
      const model = speaker();
      const chosen = { maxNewTokens: captionDefaults.maxNewTokens, ...defined(options) };
      const features = await look(model, [image]);
      try {
        yield* speakPieces(model, { features, prompt: prompt ?? model.prompts.caption }, chosen);
      } finally {
        features.dispose();
      }
    },
    dispose: free,
    [Symbol.dispose]: free,
  };
}

const captionDefaults: SpeakOptions = { beams: 5, maxNewTokens: 30 };
const answerDefaults: SpeakOptions = { beams: 5, maxNewTokens: 10, lengthPenalty: -1 };

/** Options without those that are undefined, so that defaults hold. */
const defined = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;

/** A training run's folder holds up to two models; any other holds one, whatever it is for. */
async function needsOf(folder: string, need: ModelKind | undefined): Promise<(ModelKind | undefined)[]> {
  const found = need ? [] : await stagesIn(folder);
  return found.length > 0 ? found : [need];
}
