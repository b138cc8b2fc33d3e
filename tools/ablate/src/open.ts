import { loadTokenizer, type Tokenizer } from '@blip2/data';
import { type EmojiConfig, type EmojiEvaluation, emojiData } from '@blip2/demo';
import {
  Disposables,
  frozenFolders,
  openRunVision,
  type Reporter,
  type RunVision,
  type TrainingData,
} from '@blip2/runs';
import type { WeightSource } from '@blip2/tensor';
import {
  type BertModel,
  compose,
  type LanguageModelWithTokenizer,
  loadBert,
  loadLanguageModel,
  useBackend,
} from '@blip2/training';
import { configOf, type Scale } from './scale.js';

/** What all runs share: the frozen models and the test images. */
export interface Shared {
  readonly scale: Scale;
  readonly encoder: RunVision;
  readonly tokenizer: Tokenizer;
  readonly bert: BertModel;
  readonly language: LanguageModelWithTokenizer;
  readonly test: EmojiEvaluation;
  /** Opens the training data of a seed; they are kept until those of another seed are asked for. */
  data(seed: number): Promise<TrainingData>;
  close(): Promise<void>;
}

/** Opens what runs share, with features of the frozen image encoder that are computed once. */
export async function openShared(scale: Scale, threads: number, reporter: Reporter): Promise<Shared> {
  await useBackend({ threads });
  const config = configOf(scale, 0);
  const folders = frozenFolders({ ...config, bert: 'starter' });
  const opened = new Disposables();
  try {
    const encoder = opened.add(await openRunVision(config), (vision) => vision.dispose());
    const tokenizer = await loadTokenizer(folders.text);
    const loaded = opened.add(await loadBert(folders.text), (bert) => bert.dispose());
    const { layers } = config.qformer;
    const bert = { ...loaded, weights: firstLayers(loaded.weights, layers), config: { ...loaded.config, layers } };
    const language = opened.add(await loadLanguageModel(folders.language), (model) => model.dispose?.());
    const test = opened.add(await emojiData.openEvaluation({ config, seed: 0 }, { encoder, reporter }), (data) =>
      data.close(),
    );
    let current: { seed: number; data: TrainingData; close(): Promise<void> } | undefined;
    const data = async (seed: number): Promise<TrainingData> => {
      if (current?.seed !== seed) {
        await current?.close();
        current = undefined;
        current = { seed, ...(await openTraining(configOf(scale, seed))) };
      }
      return current.data;
    };
    opened.add(undefined, () => current?.close());
    const openTraining = async (config: EmojiConfig) => {
      // batches are made by the tokenizers of these parts, which are not trained
      const parts = await compose({ vision: encoder.vision, text: { tokenizer }, language, qformer: tiny });
      const data = await emojiData.openTraining(config, { encoder, parts, reporter });
      const close = async (): Promise<void> => {
        await data.close();
        parts.dispose();
      };
      return { data, close };
    };
    return { scale, encoder, tokenizer, bert, language, test, data, close: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** The weights of a BERT without its later layers. */
function firstLayers(weights: WeightSource, count: number): WeightSource {
  const kept = [...weights.names].filter(([name]) => Number(/\.layer\.(\d+)\./.exec(name)?.[1] ?? 0) < count);
  return { ...weights, names: new Map(kept) };
}

const tiny = {
  layers: 1,
  hiddenSize: 8,
  heads: 1,
  intermediateSize: 8,
  queries: 1,
  projectionSize: 8,
  maxPositions: 8,
};
