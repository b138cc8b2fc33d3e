import { questionProcessor } from '@blip2/data';
import { encodeImage, type ImageInput, withEncodedImages } from '../encode-images.js';
import type { GenerationModel } from '../folder/loaded-model.js';
import type { GenerationOptions } from './decoding.js';
import {
  type DecodingConfig,
  type DecodingPreset,
  type DecodingPresetName,
  decodingConfig,
} from './decoding-presets.js';
import { expectPositions, type Generation, generateText, streamText } from './generate-text.js';
import { dialogue, type Exchange } from './prompts.js';

interface DecodingChoice extends GenerationOptions {
  /**
   * The decoding preset that the other options override: a name of `decodingPresets`, or a preset of your own. Default:
   * `instruct` for InstructBLIP, otherwise the defaults of the method.
   */
  readonly decoding?: DecodingPresetName | DecodingPreset | undefined;
}

/** Options of `caption` for one image. */
export interface CaptionOptions extends DecodingChoice {
  /** The beginning of the caption, which the generated text continues. Default: the model's. */
  readonly prompt?: string | undefined;
}

/** Options of `caption` for several images. */
export interface CaptionsOptions extends Omit<CaptionOptions, 'prompt'> {
  /** One prompt for all images, or one for each. Default: the model's. */
  readonly prompt?: string | readonly string[] | undefined;
}

/** Options of `ask`. */
export interface AskOptions extends DecodingChoice {
  /** Template of a question; `{}` stands for the question. Default: the model's. */
  readonly template?: string | undefined;
  /** Former questions of a dialogue about the image with their answers, oldest first. */
  readonly history?: readonly Exchange[] | undefined;
}

/** Options of `stream`. */
export interface StreamTextOptions extends Omit<CaptionOptions & AskOptions, 'beams' | 'returnSequences'> {
  /** A question to answer; without one the image is captioned. */
  readonly question?: string | undefined;
  /** Called with the id of each new token, also of one that gives no piece yet. */
  readonly onToken?: ((id: number) => void) | undefined;
}

/** A generated text under another name. */
export type Named<Name extends string> = Omit<Generation, 'text'> & Readonly<Record<Name, string>>;
/** A caption. With `returnSequences` above 1, `captions` has all captions of the image, best first. */
export type Caption = Named<'caption'> & { readonly captions?: readonly Named<'caption'>[] };
/** An answer. With `returnSequences` above 1, `answers` has all answers to the question, best first. */
export type Answer = Named<'answer'> & { readonly answers?: readonly Named<'answer'>[] };

/** The methods of a generation model. Several images or questions are processed in batches. */
export interface GenerationMethods {
  /** Captions an image. Default: 5 beams (one beam with `sample`) and at most 30 new tokens. */
  caption(image: ImageInput, options?: CaptionOptions): Promise<Caption>;
  /** Captions several images; the captions are in the order of the images. */
  caption(images: readonly ImageInput[], options?: CaptionsOptions): Promise<Caption[]>;
  /**
   * Answers a question about an image. Default: 5 beams (one beam with `sample`), length penalty -1 and at most 10 new
   * tokens.
   */
  ask(image: ImageInput, question: string, options?: AskOptions): Promise<Answer>;
  /** Answers several questions about one image, which is encoded once, or question i about image i. */
  ask(image: ImageInput | readonly ImageInput[], questions: readonly string[], options?: AskOptions): Promise<Answer[]>;
  /** Captions an image or answers a question about it by greedy search or sampling, and yields pieces of the text. */
  stream(image: ImageInput, options?: StreamTextOptions): AsyncGenerator<string, void, undefined>;
}

/** Texts per batch. */
const BATCH = 8;

/** Creates the methods `caption`, `ask` and `stream` of a generation model. */
export function generationMethods(model: GenerationModel): GenerationMethods {
  async function caption(image: ImageInput, options?: CaptionOptions): Promise<Caption>;
  async function caption(images: readonly ImageInput[], options?: CaptionsOptions): Promise<Caption[]>;
  async function caption(image: ImageInput | readonly ImageInput[], { prompt, ...options }: CaptionsOptions = {}) {
    const resolved = resolveOptions('caption', model, options);
    const images = isList(image) ? image : [image];
    const given = prompt ?? resolved.prompt ?? model.prompts.caption;
    const prompts = typeof given === 'string' ? images.map(() => given) : given;
    if (prompts.length !== images.length) throw unequal(prompts, images);
    const captions = (await generateFor(model, { images, prompts }, resolved.decoding)).map((texts): Caption => {
      const all = texts.map(({ text, ...rest }) => ({ caption: text, ...rest }));
      return { ...all[0]!, ...(returnsSeveral(resolved) && { captions: all }) };
    });
    return isList(image) ? captions : captions[0];
  }

  async function ask(image: ImageInput, question: string, options?: AskOptions): Promise<Answer>;
  async function ask(
    image: ImageInput | readonly ImageInput[],
    questions: readonly string[],
    options?: AskOptions,
  ): Promise<Answer[]>;
  async function ask(
    image: ImageInput | readonly ImageInput[],
    question: string | readonly string[],
    { template, history, ...options }: AskOptions = {},
  ) {
    const resolved = resolveOptions('ask', model, options);
    const promptOf = (text: string): string => questionPrompt(model, resolved, { template, history, question: text });
    const prompts = typeof question === 'string' ? [promptOf(question)] : question.map(promptOf);
    const images = isList(image) ? image : [image];
    const answers = (await generateFor(model, { images, prompts }, resolved.decoding)).map((texts): Answer => {
      const all = texts.map(({ text, ...rest }) => ({ answer: text, ...rest }));
      return { ...all[0]!, ...(returnsSeveral(resolved) && { answers: all }) };
    });
    return typeof question === 'string' ? answers[0] : answers;
  }

  async function* stream(
    image: ImageInput,
    { prompt, question, template, history, onToken, ...options }: StreamTextOptions = {},
  ) {
    const resolved = resolveOptions(question === undefined ? 'caption' : 'ask', model, options);
    const text =
      question === undefined
        ? (prompt ?? resolved.prompt ?? model.prompts.caption)
        : questionPrompt(model, resolved, { template, history, question });
    resolved.decoding.signal?.throwIfAborted();
    expectPositions(model, [text], resolved.decoding);
    using encoded = await encodeImage(model, image);
    yield* streamText(model, { features: encoded.features, prompt: text }, { ...resolved.decoding, onToken });
  }

  return { caption, ask, stream };
}

interface ResolvedOptions extends Pick<DecodingConfig, 'prompt' | 'template'> {
  readonly decoding: GenerationOptions;
}

const defaults: Readonly<Record<'caption' | 'ask', GenerationOptions>> = {
  caption: { beams: 5, maxNewTokens: 30 },
  ask: { beams: 5, maxNewTokens: 10, lengthPenalty: -1 },
};

/** Merges the given options over the decoding preset or the defaults. Sampling has one beam unless `beams` is given. */
function resolveOptions(
  task: 'caption' | 'ask',
  model: GenerationModel,
  { decoding: given, ...options }: DecodingChoice,
): ResolvedOptions {
  const { language, instruction } = model;
  const preset = given ?? (instruction && 'instruct');
  const config: DecodingConfig = preset ? decodingConfig(preset, { task, kind: language.kind }) : defaults[task];
  const { prompt, template, ...decoding } = config;
  const beams = options.sample && !decoding.sample ? { beams: 1 } : {};
  return { prompt, template, decoding: { ...decoding, ...beams, ...defined(options) } };
}

const questionPrompt = (
  model: GenerationModel,
  resolved: ResolvedOptions,
  { template, history = [], question }: Pick<AskOptions, 'template' | 'history'> & { question: string },
): string =>
  dialogue(
    template ?? resolved.template ?? model.prompts.question,
    questionProcessor(question),
    history.map((one) => ({ ...one, question: questionProcessor(one.question) })),
  );

/** Generates the texts of each prompt: about the only image, or about the image at the prompt's index. */
async function generateFor(
  model: GenerationModel,
  { images, prompts }: { images: readonly ImageInput[]; prompts: readonly string[] },
  options: GenerationOptions,
): Promise<Generation[][]> {
  options.signal?.throwIfAborted();
  const single = images.length === 1;
  if (!single && prompts.length !== images.length) throw unequal(prompts, images);
  expectPositions(model, prompts, options);
  const generations: Generation[][] = [];
  using encoded = single ? await encodeImage(model, images[0] as ImageInput) : undefined;
  for (let start = 0; start < prompts.length; start += BATCH) {
    const batch = prompts.slice(start, start + BATCH);
    const inputs = encoded ? [encoded] : images.slice(start, start + BATCH);
    const imageIndex = batch.map((_, i) => (encoded ? 0 : i));
    const texts = await withEncodedImages(model, inputs, (features) =>
      generateText(model, { features, prompts: batch, imageIndex }, options),
    );
    generations.push(...texts);
  }
  return generations;
}

const unequal = (prompts: readonly string[], images: readonly ImageInput[]): Error =>
  new Error(`There are ${prompts.length} texts for ${images.length} images; give one for each image.`);

const isList = (image: ImageInput | readonly ImageInput[]): image is readonly ImageInput[] => Array.isArray(image);

const returnsSeveral = ({ decoding }: ResolvedOptions): boolean => (decoding.returnSequences ?? 1) > 1;

/** Removes options that are undefined, so that they do not override defaults. */
const defined = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
