import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ExternalModels } from '@blip2/models';
import type { CustomLanguage, CustomVision } from '@blip2/runs';
import { type Command, Option } from 'commander';

/** The options for models of a user's own. */
export interface OwnModelFlags {
  readonly vision?: string;
  readonly language?: string;
}

/** What a module may leave out: only training needs it. */
type Loaded<T, Needed extends keyof T> = Pick<T, Needed> & Partial<Omit<T, Needed>>;
/** An image encoder of a module; training needs its processor, name and fingerprint too. */
export type OwnVision = Loaded<CustomVision, 'width' | 'encode'>;
/** A language model of a module; training needs its `predict`, tokenizer, name and fingerprint too. */
export type OwnLanguage = NonNullable<ExternalModels['language']> & Partial<CustomLanguage>;

/** Adds the options for an image encoder and a language model of the user's own. */
export const addOwnModelOptions = (command: Command, parts: readonly ('vision' | 'language')[]): Command =>
  parts.reduce((all, part) => all.addOption(options[part]()), command);

const options = {
  vision: () =>
    new Option('--vision <module>', 'a module with your own image encoder, which the model was trained with'),
  language: () =>
    new Option('--language <module>', 'a module with your own language model, which the model was trained with'),
};

/**
 * Loads the models of a user's own that a command is given.
 * @throws in one sentence where a module cannot be loaded or is not what is needed
 */
export async function loadOwnModels({
  vision,
  language,
}: OwnModelFlags): Promise<{ vision?: OwnVision; language?: OwnLanguage }> {
  return {
    ...(vision !== undefined && { vision: await loadVisionModule(vision) }),
    ...(language !== undefined && { language: await loadLanguageModule(language) }),
  };
}

/** Whether the value of an option names a module, and not a folder. */
export const isModule = (path: unknown): boolean => typeof path === 'string' && /\.[cm]?[jt]s$/.test(path);

/**
 * Loads the modules of a run's models; values that name folders are left to the configuration.
 * @throws as `loadVisionModule` and `loadLanguageModule` do, and for an image encoder without a processor
 */
export async function loadTrainedWith({ vision, language }: OwnModelFlags): Promise<{
  readonly vision?: CustomVision;
  readonly language?: CustomLanguage;
}> {
  const own = await loadOwnModels({
    ...(isModule(vision) && { vision }),
    ...(isModule(language) && { language }),
  });
  if (own.vision && !own.vision.processor) {
    throw new Error(`The image encoder of '${vision}' has no processor, which training needs; add it.`);
  }
  // a name, a fingerprint and a tokenizer that are missing are named by the run
  return own as { readonly vision?: CustomVision; readonly language?: CustomLanguage };
}

/**
 * Loads an image encoder from a JavaScript module. Its default export is a `VisionEncoder` (`width`, `encode`), or a function
 * that returns one or a promise of one and is called with `{ tf }`, the TensorFlow.js that all else computes with. For training
 * it also has `processor`, `name` and `fingerprint`, as a `CustomVision` of `@blip2/runs`.
 */
export async function loadVisionModule(path: string): Promise<OwnVision> {
  const found = await defaultExport(path, 'image encoder');
  const check = checker(path, 'image encoder');
  check(isCount(found.width), 'width', 'the width of a feature vector, a whole number from 1');
  check(isFunction(found.encode), 'encode', 'a function from pixels [B,H,W,3] to features [B,N,width]');
  const { processor } = found;
  check(
    processor === undefined || isProcessor(processor),
    'processor',
    "an image processor with 'filter', 'mean', 'std' (three numbers each) and 'rescale'",
  );
  const vision = found as unknown as CustomVision;
  const { width, name, fingerprint } = vision;
  return {
    ...{ width, processor: vision.processor, name, fingerprint },
    encode: (pixels) => vision.encode(pixels), // as its own: it may be of a class
    dispose: () => vision.dispose?.(),
  };
}

/**
 * Loads a language model from a JavaScript module. Its default export is a `LanguageModel` of `@blip2/llm`, or a function that
 * returns one or a promise of one and is called with `{ tf }`. For training it also has `predict`, `tokenizer` (a folder or the
 * parsed files), `name` and `fingerprint`, as a `CustomLanguage` of `@blip2/runs`.
 */
export async function loadLanguageModule(path: string): Promise<OwnLanguage> {
  const found = await defaultExport(path, 'language model');
  const check = checker(path, 'language model');
  const { kind, ids } = found;
  check(kind === 'decoder' || kind === 'encoder-decoder', 'kind', "'decoder' or 'encoder-decoder'");
  check(isCount(found.width), 'width', 'the width of a token embedding, a whole number from 1');
  check(isCount(found.vocabSize), 'vocabSize', 'the number of token embeddings, a whole number from 1');
  check(isIds(ids), 'ids', "the special ids: 'bos' and 'pad', and 'eos' as a list");
  check(isFunction(found.embed), 'embed', 'a function from ids [B,L] to embeddings [B,L,width]');
  check(isFunction(found.start), 'start', 'a function from a prompt to the state of decoding');
  const model = found as unknown as CustomLanguage;
  const { width, vocabSize, maxPositions, name, fingerprint, tokenizer } = model;
  return {
    ...{ kind: model.kind, ids: model.ids, width, vocabSize, maxPositions, name, fingerprint, tokenizer },
    embed: (tokens) => model.embed(tokens),
    start: (prompt) => model.start(prompt),
    predict(input) {
      if (isFunction(model.predict)) return model.predict(input);
      throw new Error(`The language model of '${path}' has no predict, which training needs; add it.`);
    },
    dispose: () => model.dispose?.(),
  };
}

type Found = Readonly<Record<string, unknown>>;

async function defaultExport(path: string, what: string): Promise<Found> {
  const file = resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new Error(`There is no module at '${path}'; check the path.`);
  const { tf, module } = await load(file).catch((error: unknown) => {
    throw new Error(`The module '${path}' cannot be loaded: ${reason(error)}.`, { cause: error });
  });
  const exported = module.default;
  if (exported === undefined) {
    throw new Error(`The module '${path}' has no default export; export the ${what}, or a function that returns it.`);
  }
  const made: unknown = isFunction(exported)
    ? await Promise.resolve()
        .then(() => exported({ tf }))
        .catch((error: unknown) => {
          throw new Error(`The function of the module '${path}' failed: ${reason(error)}.`, { cause: error });
        })
    : await exported;
  if (typeof made === 'object' && made !== null) return made as Found;
  throw new Error(
    `The module '${path}' gives ${made === null ? 'null' : `a ${typeof made}`} where the ${what} is needed.`,
  );
}

async function load(file: string): Promise<{ tf: unknown; module: { readonly default?: unknown } }> {
  const tf = await import('@tensorflow/tfjs');
  return { tf, module: (await import(pathToFileURL(file).href)) as { default?: unknown } };
}

const reason = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trim().replace(/\.$/, '');

const checker =
  (path: string, what: string) =>
  (fits: boolean, key: string, wanted: string): void => {
    if (!fits) throw new Error(`The ${what} of '${path}' must have '${key}': ${wanted}.`);
  };

const isFunction = (value: unknown): value is (...args: unknown[]) => unknown => typeof value === 'function';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
const isThree = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 3 && value.every((one) => Number.isFinite(one));

function isProcessor(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { filter, mean, std, rescale } = value as Found;
  return typeof filter === 'string' && isThree(mean) && isThree(std) && Number.isFinite(rescale);
}

function isIds(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { bos, pad, eos } = value as Found;
  return (
    Number.isSafeInteger(bos) && Number.isSafeInteger(pad) && Array.isArray(eos) && eos.every(Number.isSafeInteger)
  );
}
