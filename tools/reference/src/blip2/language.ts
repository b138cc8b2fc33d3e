import { join } from 'node:path';
import {
  type ComposedPrompt,
  composePrompt,
  type DecoderOutput,
  type LanguageConfig,
  type LanguageModel,
  type LlamaConfig,
  languageConfig,
  languageRepeats,
  llamaForward,
  llamaHead,
  llamaLanguageModel,
  llamaSpec,
  optForward,
  optHead,
  optLanguageModel,
  optSpec,
  type PredictInput,
  t5LanguageModel,
  t5Spec,
  vocabularyRows,
} from '@blip2/llm';
import { bind, type Flat, flatten, type Tree } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { Folder } from '../folder.js';
import { type Json, numbersOf, object, readJson } from '../json.js';
import type { Tolerance } from '../row.js';
import { activations, unscaled } from '../tolerances.js';
import type { Case } from './cases.js';

/** A language model with its parameters, which golden gradients may be of, and what golden values of it are. */
export interface Language {
  readonly model: LanguageModel;
  /** By their names in the file, without what stands before them. The model owns them. */
  readonly parameters: Flat;
  /** What the ids of a text that was made begin with, from the ids before it, image tokens included. */
  begin(whole: readonly number[]): readonly number[];
  /** The golden logits of a case: OPT's of the whole prompt, T5's of the labels. */
  logits(one: Case, softPrompt: tf.Tensor): tf.Tensor;
  readonly logitsTolerance: Tolerance;
  /** What the golden loss of a case is of. */
  lesson(one: Case, softPrompt: tf.Tensor): PredictInput;
}

/** What ends a text is said by generation_config.json first. */
export async function loadLanguage(folder: Folder, json: Json, prefix: string): Promise<Language> {
  const config = languageConfig(object(json.text_config, "'text_config'"), generationOf(folder));
  if (config.modelType === 't5') return t5(folder, config, prefix);
  return config.modelType === 'opt' ? opt(folder, config, prefix) : llama(folder, config, prefix);
}

type Config<T extends LanguageConfig['modelType']> = Extract<LanguageConfig, { modelType: T }>;

async function opt(folder: Folder, read: Config<'opt'>, prefix: string): Promise<Language> {
  const config = { ...read, vocabSize: vocabularyRows(folder.model, read, prefix) };
  const params = await bind(optSpec(config), folder.model, { prefix, ignore: repeats(folder, config, prefix) });
  return decoder(optLanguageModel(params, config), params, {
    forward: (prompt) => optForward(params, config, prompt),
    head: (hidden) => optHead(params, hidden),
  });
}

async function llama(folder: Folder, read: LlamaConfig, prefix: string): Promise<Language> {
  const config = { ...read, vocabSize: vocabularyRows(folder.model, read, prefix) };
  const params = await bind(llamaSpec(config), folder.model, { prefix, ignore: repeats(folder, config, prefix) });
  return decoder(llamaLanguageModel(params, config), params, {
    forward: (prompt) => llamaForward(params, config, prompt),
    head: (hidden) => llamaHead(params, hidden),
  });
}

/** The functions beneath a decoder-only model. */
interface Decoder {
  forward(prompt: ComposedPrompt): DecoderOutput;
  head(hidden: tf.Tensor): tf.Tensor;
}

function decoder(model: LanguageModel, params: Tree, { forward, head }: Decoder): Language {
  return {
    model,
    parameters: flatten(params),
    begin: (whole) => whole,
    logits: ({ text }, softPrompt) =>
      tf.tidy(() => {
        const embeddings = model.embed(row(text));
        return head(forward(composePrompt([{ embeddings: softPrompt }, { embeddings }])).hidden);
      }),
    logitsTolerance: activations,
    lesson({ text }, softPrompt) {
      const targetIds = row(text); // BOS included and padding left out
      return { softPrompt, targetIds, targetMask: tf.cast(tf.notEqual(targetIds, model.ids.pad), 'int32') };
    },
  };
}

async function t5(folder: Folder, read: Config<'t5'>, prefix: string): Promise<Language> {
  const vocabSize = vocabularyRows(folder.model, read, prefix);
  const config = { ...read, vocabSize, tied: !folder.model.names.has(`${prefix}lm_head.weight`) };
  const params = await bind(t5Spec(config), folder.model, { prefix, ignore: repeats(folder, config, prefix) });
  const model = t5LanguageModel(params, config);
  const lesson = ({ text, json }: Case, softPrompt: tf.Tensor): PredictInput => ({
    softPrompt,
    promptIds: row(text),
    targetIds: row(numbersOf(json, 'labels') ?? []),
  });
  return {
    model,
    parameters: flatten(params),
    begin: () => [config.decoderStart],
    logits: (one, softPrompt) => tf.tidy(() => model.predict(lesson(one, softPrompt)).logits),
    logitsTolerance: unscaled,
    lesson,
  };
}

function repeats({ model }: Folder, config: LanguageConfig, prefix: string): (name: string) => boolean {
  const known = languageRepeats(config, (name) => model.names.has(prefix + name));
  return (name) => known(name.slice(prefix.length));
}

const row = (ids: readonly number[]): tf.Tensor2D => tf.tensor2d([...ids], [1, ids.length], 'int32');

function generationOf(folder: Folder): Json {
  try {
    return readJson(join(folder.path, 'generation_config.json'));
  } catch {
    return {};
  }
}
