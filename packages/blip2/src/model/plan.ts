import { type LanguageModel, loadLanguage, vocabularyRows } from '@blip2/llm';
import { isCopy, type QFormerConfig, type QFormerParts } from '@blip2/qformer';
import { bind, type WeightSource } from '@blip2/tensor';
import { loadVisionEncoder, type VisionEncoder } from '@blip2/vision';
import type { Stage1Params, Stage2Params } from '../stages/specs.js';
import { isExternal, type ModelConfig } from './config.js';
import { type MemoryPlan, memoryPlan } from './memory.js';
import { joined, type Misfits, misfits, part } from './sources.js';
import { partSpecs, prefixes, trainedName, trainedSpec, usualParts } from './specs.js';

/** Models of the user's own, in place of those that a folder names or holds. */
export interface Given {
  readonly vision?: VisionEncoder | undefined;
  readonly language?: LanguageModel | undefined;
}

/** One part of a model: what it sees of the file, and how it is loaded from that. */
interface Piece<T> {
  readonly source: WeightSource;
  readonly load: (source: WeightSource) => Promise<T>;
}

/** How a file becomes a model: every name of the file belongs to one piece. */
export interface Plan {
  readonly config: QFormerConfig;
  readonly parts: QFormerParts;
  /** Absent where the user gives one. */
  readonly vision?: Piece<VisionEncoder>;
  readonly language?: Piece<LanguageModel>;
  readonly trained: Piece<Stage1Params | Stage2Params>;
  /** What all pieces need of memory. */
  readonly memory: MemoryPlan;
}

const { vision: VISION, language: LANGUAGE } = prefixes;
/** `ln_vision`, trained with the Q-Former, stands among the names of the frozen encoder. */
const VISION_NORM = 'vision_model.post_layernorm.';

const ofVision = (name: string): boolean => name.startsWith(VISION) && !name.startsWith(VISION_NORM);
const ofLanguage = (name: string): boolean => name.startsWith(LANGUAGE);

/**
 * Says which part of a BLIP-2 file is what. Reads nothing.
 * @throws for a model of the user's own that the config names and that is not given
 */
export function planOf(source: WeightSource, model: ModelConfig, given: Given = {}): Plan {
  const { vision, language } = model;
  const needsVision = 'vision' in given && given.vision !== undefined ? undefined : vision;
  const needsLanguage = given.language !== undefined ? undefined : language;
  if (needsVision && isExternal(needsVision)) throw absent('image encoder', needsVision.external, 'vision', source);
  if (needsLanguage && isExternal(needsLanguage)) {
    throw absent('language model', needsLanguage.external, 'language', source);
  }
  const config = qformerOf(source, model, given);
  const parts = partsOf(source, model);
  const stored = language && !isExternal(language) ? language.hiddenSize : undefined;
  const width = model.kind === 'generation' ? (given.language?.width ?? stored) : undefined;
  const actual = { ...model, qformer: config, ...storedLanguage(source, model) };
  const specs = partSpecs(actual, { parts, width });
  // What is given replaces what is stored; a stored part that nobody declared is left over and reported.
  const others = (name: string): boolean =>
    (ofVision(name) && !isExternal(vision)) || (ofLanguage(name) && language !== undefined && !isExternal(language));
  return {
    config,
    parts,
    ...(needsVision && {
      vision: {
        source: part(source, ofVision),
        load: (file: WeightSource) => loadVisionEncoder(file, needsVision, { prefix: VISION }),
      },
    }),
    ...(needsLanguage && {
      language: {
        source: part(source, ofLanguage),
        load: (file: WeightSource) => loadLanguage(file, needsLanguage, { prefix: LANGUAGE }),
      },
    }),
    trained: {
      source: part(source, (name) => !others(name)),
      load: (file) => loadTrained(file, { config, parts, width }),
    },
    memory: memoryPlan(
      {
        trained: specs.trained,
        ...(needsVision && { vision: specs.vision }),
        ...(needsLanguage && { language: specs.language }),
      },
      actual,
    ),
  };
}

/** Everything that does not fit, in all pieces at once. Nothing is read or allocated. */
export async function misfitsOf({ vision, trained, language }: Plan): Promise<Misfits> {
  const found: Misfits[] = [];
  if (vision) found.push(await misfits(vision.source, vision.load));
  found.push(await misfits(trained.source, trained.load));
  if (language) found.push(await misfits(language.source, language.load));
  return joined(found);
}

interface Sizes {
  readonly config: QFormerConfig;
  readonly parts: QFormerParts;
  /** Of the language model. */
  readonly width: number | undefined;
}

function loadTrained(source: WeightSource, { config, parts, width }: Sizes): Promise<Stage1Params | Stage2Params> {
  const rename = (path: string): string => trainedName(path, parts);
  return bind(trainedSpec(config, { parts, width }), source, { ignore: isCopy, rename }) as Promise<
    Stage1Params | Stage2Params
  >;
}

function partsOf({ names }: WeightSource, model: ModelConfig): QFormerParts {
  if (model.kind === 'generation') return usualParts(model);
  const pretrained = names.has('temp') || [...names.keys()].some((name) => name.startsWith('cls.'));
  return pretrained ? 'pretraining' : 'retrieval';
}

/** The Q-Former as the file has it: as many word rows as there are, and features as wide as the encoder's. */
function qformerOf({ names, origin }: WeightSource, { qformer, vision }: ModelConfig, given: Given): QFormerConfig {
  const table =
    names.get('embeddings.word_embeddings.weight') ?? names.get('qformer.embeddings.word_embeddings.weight');
  const vocabSize = table?.shape[0] ?? qformer.vocabSize;
  const own = isExternal(vision) ? qformer.encoderWidth : vision.hiddenSize;
  if (given.vision && given.vision.width !== own) {
    throw new Error(
      `The given image encoder is ${given.vision.width} wide and ${origin} was made for one of ${own}; give that one.`,
    );
  }
  return { ...qformer, vocabSize };
}

/** The language model as the file has it: padded tables have more rows than the config says, and T5's head may be there or not. */
function storedLanguage(source: WeightSource, { language }: ModelConfig): Pick<ModelConfig, 'language'> {
  if (!language || isExternal(language)) return {};
  const vocabSize = vocabularyRows(source, language, LANGUAGE);
  const tied = language.modelType === 't5' ? !source.names.has(`${LANGUAGE}lm_head.weight`) : language.tied;
  return { language: { ...language, vocabSize, tied } };
}

const absent = (what: string, name: string, option: string, { origin }: WeightSource): Error =>
  new Error(`${origin} leaves out its ${what}, '${name}'; give it as the option '${option}' when loading.`);
