import {
  type GenerationModel,
  generateText,
  type RetrievalModel,
  type SaveOptions,
  saveStage1,
  saveStage2,
} from '@blip2/models';
import type { TrainStep } from '@blip2/trainer';
import {
  adaptedLanguage,
  type FeatureStore,
  type Parts,
  type Stage2TrainOptions,
  type StageOptions,
  stage1Params,
  stage2Params,
  trainStage1,
  trainStage2,
} from '@blip2/training';
import { captionBatches, pairBatches, type TrainingImages } from './batches.js';

/** The losses of a step, by name. */
export type Losses = Readonly<Record<string, number>>;

/** The settings of a training, as both stages take them. */
export type Settings = Omit<StageOptions<never>, 'data'> & { readonly batchSize: number };

/** What is trained of a loaded model: its stage, with that stage's losses, captions and folder. */
export interface Trainable {
  /** Makes the steps of the training. */
  train(parts: Parts, images: TrainingImages, settings: Settings): AsyncGenerator<TrainStep<Losses>, void, void>;
  /** Captions images by their features, as the model has been trained so far; none where it does not caption. */
  captions(parts: Parts, features: FeatureStore): Promise<string[]>;
  /** Saves the trained model, with copies of the frozen ones. */
  save(folder: string | URL, parts: Parts, options: SaveOptions): Promise<void>;
}

/** Texts are cut at so many tokens. */
const TEXT_LENGTH = 32;

/** Stage 1 of a retrieval model: ITC, ITM and ITG. */
export const retrieval = (model: RetrievalModel): Trainable => ({
  train(parts, images, { batchSize, ...settings }) {
    const { tokenizer, config } = model;
    const texts = { tokenizer, textLength: Math.min(TEXT_LENGTH, config.maxPositions) };
    const data = pairBatches(images, texts, { batchSize, seed: parts.seed });
    return trainStage1(parts, { ...settings, data });
  },
  captions: async () => [],
  save(folder, parts, options) {
    const { folder: from, processor, rerank } = model;
    const params = stage1Params(parts);
    const saved = { config: parts.config, params, vision: { folder: from }, processor, tokenizer: from, rerank };
    return saveStage1(folder, saved, options);
  },
});

/** Stage 2 of a generation model: the language model's loss of captions. */
export const generation = (model: GenerationModel, lora: Stage2TrainOptions['lora']): Trainable => ({
  train(parts, images, { batchSize, ...settings }) {
    const language = { ...model.language, tokenizer: model.tokenizer };
    const texts = { language, prompts: model.prompts };
    const data = captionBatches(images, texts, { batchSize, seed: parts.seed });
    return trainStage2(parts, { ...settings, data, ...(lora && { lora }) });
  },
  async captions(parts, store) {
    if (store.length === 0) return [];
    const adapted = lora && Object.keys(parts.adapters).length > 0;
    const language = adapted ? adaptedLanguage(parts, lora) : model.language;
    const features = await store.gather(Array.from({ length: store.length }, (_, i) => i));
    try {
      const prompts = Array.from({ length: store.length }, () => model.prompts.caption);
      const now = { ...model, params: stage2Params(parts), language };
      const texts = await generateText(now, { features, prompts }, { beams: 5, maxNewTokens: 30 });
      return texts.map(([best]) => best!.text);
    } finally {
      features.dispose();
    }
  },
  save(folder, parts, options) {
    const { folder: from, processor, prompts } = model;
    const frozen = { folder: from };
    const adapter = lora && { adapter: { tensors: parts.adapters, config: lora } };
    const params = stage2Params(parts);
    const saved = {
      config: parts.config,
      params,
      vision: frozen,
      language: frozen,
      processor,
      prompts,
      tokenizer: from,
    };
    return saveStage2(folder, { ...saved, ...adapter }, options);
  },
});
