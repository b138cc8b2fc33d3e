import { questionProcessor } from '@blip2/data';
import type { SpeakOptions } from './decoding.js';
import { type DecodingPreset, type DecodingPresetName, type Recipe, recipeOf } from './decoding-presets.js';
import type { GenerationModel } from './loaded.js';
import { type Image, see, seeing } from './look.js';
import { dialogue, type Exchange } from './prompts.js';
import { type Spoken, speak, speakPieces } from './speak.js';

interface Chosen extends SpeakOptions {
  /** Where defaults come from: a name of `decodingPresets`, or a preset of one's own. */
  readonly preset?: DecodingPresetName | DecodingPreset | undefined;
}

export interface CaptionOptions extends Chosen {
  /** The text goes on from it. Default: the folder's. */
  readonly prompt?: string | undefined;
}

/** Of several pictures; `prompt` is one for all or one for each. */
export interface CaptionsOptions extends Omit<CaptionOptions, 'prompt'> {
  readonly prompt?: string | readonly string[] | undefined;
}

export interface AskOptions extends Chosen {
  /** How a question is put; `{}` is where it goes. Default: the folder's. */
  readonly template?: string | undefined;
  /** What was asked of the picture before, and answered: the first first. */
  readonly history?: readonly Exchange[] | undefined;
}

/** A caption piece by piece, or with a `question` its answer. */
export interface TellOptions extends Omit<CaptionOptions & AskOptions, 'beams' | 'returnSequences'> {
  readonly question?: string | undefined;
}

export type Said<Name extends string> = Omit<Spoken, 'text'> & Readonly<Record<Name, string>>;
/** Where several texts were asked for (`returnSequences`), `captions` has them all; the first is this one. */
export type Caption = Said<'caption'> & { readonly captions?: readonly Said<'caption'>[] };
export type Answer = Said<'answer'> & { readonly answers?: readonly Said<'answer'>[] };

/** What a model can say of pictures. Several pictures, or questions, share their passes through the model. */
export interface Speech {
  /** 5 beams and at most 30 new tokens by default; one beam when sampling. */
  caption(image: Image, options?: CaptionOptions): Promise<Caption>;
  caption(images: readonly Image[], options?: CaptionsOptions): Promise<Caption[]>;
  /** 5 beams, length penalty -1 and at most 10 new tokens by default; one beam when sampling. */
  ask(image: Image, question: string, options?: AskOptions): Promise<Answer>;
  /** Several questions about one picture, which is looked at once; or one about each picture. */
  ask(image: Image | readonly Image[], questions: readonly string[], options?: AskOptions): Promise<Answer[]>;
  /** By greedy search or sampling. */
  stream(image: Image, options?: TellOptions): AsyncGenerator<string, void, undefined>;
}

/** Texts at a time. */
const AT_ONCE = 8;

/** Gives the model that `find` finds a voice. */
export function speaking(find: () => GenerationModel): Speech {
  async function caption(image: Image, options?: CaptionOptions): Promise<Caption>;
  async function caption(images: readonly Image[], options?: CaptionsOptions): Promise<Caption[]>;
  async function caption(image: Image | readonly Image[], { prompt, ...options }: CaptionsOptions = {}) {
    const model = find();
    const recipe = settled('caption', model, options);
    const images = isList(image) ? image : [image];
    const begin = prompt ?? recipe.prompt ?? model.prompts.caption;
    const prompts = typeof begin === 'string' ? images.map(() => begin) : begin;
    if (prompts.length !== images.length) throw unequal(prompts, images);
    const said = (await say(model, { images, prompts }, recipe.decoding)).map((texts): Caption => {
      const captions = texts.map(({ text, ...rest }) => ({ caption: text, ...rest }));
      return { ...captions[0]!, ...(several(recipe) && { captions }) };
    });
    return isList(image) ? said : said[0];
  }

  async function ask(image: Image, question: string, options?: AskOptions): Promise<Answer>;
  async function ask(
    image: Image | readonly Image[],
    questions: readonly string[],
    options?: AskOptions,
  ): Promise<Answer[]>;
  async function ask(
    image: Image | readonly Image[],
    question: string | readonly string[],
    { template, history, ...options }: AskOptions = {},
  ) {
    const model = find();
    const recipe = settled('ask', model, options);
    const put = (text: string): string => putOf(model, recipe, { template, history, question: text });
    const prompts = typeof question === 'string' ? [put(question)] : question.map(put);
    const images = isList(image) ? image : [image];
    const said = (await say(model, { images, prompts }, recipe.decoding)).map((texts): Answer => {
      const answers = texts.map(({ text, ...rest }) => ({ answer: text, ...rest }));
      return { ...answers[0]!, ...(several(recipe) && { answers }) };
    });
    return typeof question === 'string' ? said[0] : said;
  }

  async function* stream(image: Image, { prompt, question, template, history, ...options }: TellOptions = {}) {
    const model = find();
    const recipe = settled(question === undefined ? 'caption' : 'ask', model, options);
    const text =
      question === undefined
        ? (prompt ?? recipe.prompt ?? model.prompts.caption)
        : putOf(model, recipe, { template, history, question });
    recipe.decoding.signal?.throwIfAborted();
    using seen = await see(model, image);
    yield* speakPieces(model, { features: seen.features, prompt: text }, recipe.decoding);
  }

  return { caption, ask, stream };
}

interface Settled extends Pick<Recipe, 'prompt' | 'template'> {
  readonly decoding: SpeakOptions;
}

const defaults: Readonly<Record<'caption' | 'ask', SpeakOptions>> = {
  caption: { beams: 5, maxNewTokens: 30 },
  ask: { beams: 5, maxNewTokens: 10, lengthPenalty: -1 },
};

/** What was asked for, above what the preset says, or else the defaults. Who asks for samples does not ask for beams. */
function settled(task: 'caption' | 'ask', model: GenerationModel, { preset: given, ...options }: Chosen): Settled {
  const { language, instruction } = model;
  const preset = given ?? (instruction && 'instruct');
  const recipe: Recipe = preset ? recipeOf(preset, { task, kind: language.kind }) : defaults[task];
  const { prompt, template, ...decoding } = recipe;
  const own = options.sample && !decoding.sample ? { beams: 1 } : {};
  return { prompt, template, decoding: { ...decoding, ...own, ...defined(options) } };
}

const putOf = (
  model: GenerationModel,
  recipe: Settled,
  { template, history = [], question }: Pick<AskOptions, 'template' | 'history'> & { question: string },
): string =>
  dialogue(
    template ?? recipe.template ?? model.prompts.question,
    questionProcessor(question),
    history.map((one) => ({ ...one, question: questionProcessor(one.question) })),
  );

/** For each prompt its texts: about the one picture, or about the one in its place. */
async function say(
  model: GenerationModel,
  { images, prompts }: { images: readonly Image[]; prompts: readonly string[] },
  options: SpeakOptions,
): Promise<Spoken[][]> {
  options.signal?.throwIfAborted();
  const one = images.length === 1;
  if (!one && prompts.length !== images.length) throw unequal(prompts, images);
  const said: Spoken[][] = [];
  using seen = one ? await see(model, images[0] as Image) : undefined;
  for (let start = 0; start < prompts.length; start += AT_ONCE) {
    const begun = prompts.slice(start, start + AT_ONCE);
    const shown = seen ? [seen] : images.slice(start, start + AT_ONCE);
    const pictures = begun.map((_, i) => (seen ? 0 : i));
    const texts = await seeing(model, shown, (features) =>
      speak(model, { features, prompts: begun, pictures }, options),
    );
    said.push(...texts);
  }
  return said;
}

const unequal = (prompts: readonly string[], images: readonly Image[]): Error =>
  new Error(`There are ${prompts.length} texts for ${images.length} pictures; give one for each picture.`);

const isList = (image: Image | readonly Image[]): image is readonly Image[] => Array.isArray(image);

const several = ({ decoding }: Settled): boolean => (decoding.returnSequences ?? 1) > 1;

/** Options without those that are undefined, so that defaults hold. */
const defined = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
