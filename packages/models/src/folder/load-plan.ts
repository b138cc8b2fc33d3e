import { compareLanguage, type LanguageModel, languageWidth, loadLanguage, vocabularyRows } from '@blip2/llm';
import { isCopy, type QFormerConfig, type QFormerParts } from '@blip2/qformer';
import { bind, compare, type Mismatches, sizeOf, type WeightSource } from '@blip2/tensor';
import type { Stage1Params, Stage2Params } from '@blip2/training';
import { compareVision, loadVisionEncoder, type VisionEncoder } from '@blip2/vision';
import { isExternal, type ModelConfig } from './config.js';
import { type MemoryPlan, memoryPlan } from './memory.js';
import { subsetSource } from './sources.js';
import { defaultParts, partSpecs, prefixes, trainedName, trainedSpec } from './specs.js';

/** Models of your own, used in place of those that a folder holds or names. They are borrowed: loading never disposes them. */
export interface ExternalModels {
  readonly vision?: VisionEncoder | undefined;
  readonly language?: LanguageModel | undefined;
}

/** How one part of a model is loaded from its tensors of a file. */
interface PartLoader<T> {
  readonly source: WeightSource;
  /** Compares the names and shapes of the source with those that the part needs. */
  readonly compare: () => Mismatches;
  readonly load: (source: WeightSource) => Promise<T>;
}

/** How a file is loaded as a model: every tensor belongs to one part. */
export interface LoadPlan {
  readonly config: QFormerConfig;
  readonly parts: QFormerParts;
  /** The image encoder; absent where an external one is given. */
  readonly vision?: PartLoader<VisionEncoder>;
  /** The language model; absent where an external one is given, and for a retrieval model. */
  readonly language?: PartLoader<LanguageModel>;
  /** The Q-Former, its heads or its projection, and `ln_vision`. */
  readonly trained: PartLoader<Stage1Params | Stage2Params>;
  /** The memory that all parts need. */
  readonly memory: MemoryPlan;
}

const { vision: VISION, language: LANGUAGE } = prefixes;
/** `ln_vision`, which is trained with the Q-Former, has a name of the frozen encoder. */
const VISION_NORM = 'vision_model.post_layernorm.';

const ofVision = (name: string): boolean => name.startsWith(VISION) && !name.startsWith(VISION_NORM);
const ofLanguage = (name: string): boolean => name.startsWith(LANGUAGE);

/**
 * Plans how a file of a BLIP-2 model is loaded. Reads no tensors.
 * @throws for an external model that the config names and that is not given
 */
export function loadPlan(source: WeightSource, model: ModelConfig, given: ExternalModels = {}): LoadPlan {
  const { vision, language } = model;
  const needsVision = 'vision' in given && given.vision !== undefined ? undefined : vision;
  const needsLanguage = given.language !== undefined ? undefined : language;
  if (needsVision && isExternal(needsVision)) throw absent('image encoder', needsVision.external, 'vision', source);
  if (needsLanguage && isExternal(needsLanguage)) {
    throw absent('language model', needsLanguage.external, 'language', source);
  }
  const config = qformerOf(source, model, given);
  const parts = partsOf(source, model);
  const stored = language && !isExternal(language) ? languageWidth(language) : undefined;
  const width = model.kind === 'generation' ? (given.language?.width ?? stored) : undefined;
  const actual = { ...model, qformer: config, ...storedLanguage(source, model) };
  const specs = partSpecs(actual, { parts, width });
  // A given model replaces a stored one; a stored part that the config does not declare is reported as unused.
  const others = (name: string): boolean =>
    (ofVision(name) && !isExternal(vision)) || (ofLanguage(name) && language !== undefined && !isExternal(language));
  const visionSource = subsetSource(source, ofVision);
  const languageSource = subsetSource(source, ofLanguage);
  const trainedSource = subsetSource(source, (name) => !others(name));
  return {
    config,
    parts,
    ...(needsVision && {
      vision: {
        source: visionSource,
        compare: () => compareVision(visionSource, needsVision, { prefix: VISION }),
        load: (file: WeightSource) => loadVisionEncoder(file, needsVision, { prefix: VISION }),
      },
    }),
    ...(needsLanguage && {
      language: {
        source: languageSource,
        compare: () => compareLanguage(languageSource, needsLanguage, { prefix: LANGUAGE }),
        load: (file: WeightSource) => loadLanguage(file, needsLanguage, { prefix: LANGUAGE }),
      },
    }),
    trained: {
      source: trainedSource,
      compare: () => compare(trainedSpec(config, { parts, width }), trainedSource, trainedBinding(parts)),
      load: (file) =>
        bind(trainedSpec(config, { parts, width }), file, trainedBinding(parts)) as Promise<
          Stage1Params | Stage2Params
        >,
    },
    memory: memoryPlan(
      {
        trained: specs.trained,
        ...(needsVision && { vision: specs.vision }),
        ...(needsLanguage && { language: specs.language }),
      },
      actual,
      source.names,
    ),
  };
}

/** Counts the values that loading reads of a file: of the trained part, and of the frozen ones that it loads too. */
export function valuesToLoad(
  { names }: WeightSource,
  loaded: { readonly vision: boolean; readonly language: boolean },
): number {
  let values = 0;
  for (const [name, { shape }] of names) {
    const given = (ofVision(name) && !loaded.vision) || (ofLanguage(name) && !loaded.language);
    if (!given && !isCopy(name)) values += sizeOf(shape);
  }
  return values;
}

/** Collects the missing, unused and mis-shaped tensors of all parts. Reads and allocates nothing. */
export function mismatchesOf({ vision, trained, language }: LoadPlan): Mismatches {
  const found = [vision, trained, language].flatMap((part) => (part ? [part.compare()] : []));
  return {
    missing: found.flatMap(({ missing }) => missing),
    unused: found.flatMap(({ unused }) => unused),
    misshaped: found.flatMap(({ misshaped }) => misshaped),
  };
}

/** How the names of a trained spec are mapped to those of a file. */
const trainedBinding = (parts: QFormerParts) => ({
  ignore: isCopy,
  rename: (path: string): string => trainedName(path, parts),
});

function partsOf({ names }: WeightSource, model: ModelConfig): QFormerParts {
  if (model.kind === 'generation') return defaultParts(model);
  const pretrained = names.has('temp') || [...names.keys()].some((name) => name.startsWith('cls.'));
  return pretrained ? 'pretraining' : 'retrieval';
}

/** The config of the Q-Former with the vocabulary size of the file. @throws for an encoder of another width */
function qformerOf(
  { names, origin }: WeightSource,
  { qformer, vision }: ModelConfig,
  given: ExternalModels,
): QFormerConfig {
  const table =
    names.get('embeddings.word_embeddings.weight') ?? names.get('qformer.embeddings.word_embeddings.weight');
  const vocabSize = table?.shape[0] ?? qformer.vocabSize;
  const own = isExternal(vision) ? qformer.encoderWidth : vision.hiddenSize;
  if (given.vision && given.vision.width !== own) {
    throw new Error(
      `The given image encoder has width ${given.vision.width}, but ${origin} needs one of width ${own}; give that one.`,
    );
  }
  return { ...qformer, vocabSize };
}

/** The config of the language model with the vocabulary rows of the file (padding included), and whether a T5's head is tied. */
function storedLanguage(source: WeightSource, { language }: ModelConfig): Pick<ModelConfig, 'language'> {
  if (!language || isExternal(language)) return {};
  const vocabSize = vocabularyRows(source, language, LANGUAGE);
  const tied = language.modelType === 't5' ? !source.names.has(`${LANGUAGE}lm_head.weight`) : language.tied;
  return { language: { ...language, vocabSize, tied } };
}

const absent = (what: string, name: string, option: string, { origin }: WeightSource): Error =>
  new Error(
    `${origin} holds no weights of its ${what}, '${name}'; give the ${what} as the option '${option}' when loading.`,
  );
