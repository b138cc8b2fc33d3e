import type { ImageSource } from '@blip2/data';
import { generationModel, type Models, retrievalModel, type SaveOptions } from '@blip2/models';
import { fineTuningSchedule, type Stage2TrainOptions } from '@blip2/training';
import { checkExamples, encodeExamples, type TrainingExample } from './train/examples.js';
import { expectNoAdapters, partsOf } from './train/parts.js';
import { generation, type Losses, retrieval } from './train/stages.js';

export type { TrainingExample } from './train/examples.js';
export type { Losses } from './train/stages.js';

/** A step of training. */
export interface FineTuneStep {
  /** Its number, from 1. */
  readonly step: number;
  /** The number of all steps. */
  readonly steps: number;
  /** Its losses: `total`, and its terms: `lm` of captioning, `itc`, `itm` and `itg` of retrieval. */
  readonly losses: Losses;
  readonly learningRate: number;
}

/** How a loaded model is fine-tuned. */
export interface FineTuneSettings {
  /**
   * What is trained: `captioning`, stage 2 of the generation model, or `retrieval`, stage 1 of the retrieval model. Default
   * `captioning`.
   */
  readonly task?: 'captioning' | 'retrieval' | undefined;
  /** Number of updates. Default by the number of images: 200, or five epochs where these are more. */
  readonly steps?: number | undefined;
  /** Images of an update. Default by the number of images, 2 to 32. */
  readonly batchSize?: number | undefined;
  /** The largest learning rate. Default by the size of the Q-Former. */
  readonly learningRate?: number | undefined;
  /**
   * Rank of low-rank adapters (LoRA) of the language model, which are then trained too: it learns words that it does not know.
   * Default: the language model stays as it is.
   */
  readonly lora?: number | undefined;
  /** Seed of the order of images and captions, and of new parameters. Default 0. */
  readonly seed?: number | undefined;
}

/** Options of `fineTune`. */
export interface FineTuneOptions extends FineTuneSettings {
  /** Images that are not trained on and are captioned before and after training. Default: none. */
  readonly heldOut?: readonly ImageSource[] | undefined;
  /** Called with the number of encoded images. */
  readonly onEncoded?: ((done: number, total: number) => void) | undefined;
  /** Called with the captions of the held-out images, before the first step. */
  readonly onBefore?: ((captions: readonly string[]) => void) | undefined;
  /** Called after each step. */
  readonly onStep?: ((step: FineTuneStep) => void) | undefined;
  /** Stops between two steps; the call throws the signal's reason, and the model is as it was. */
  readonly signal?: AbortSignal | undefined;
}

/** A fine-tuned model, which borrows the frozen parts of the model that it was trained from. */
export interface FineTuned extends Disposable {
  /** The number of steps that were made. */
  readonly steps: number;
  /** The captions of the held-out images before and after training, in their order. */
  readonly heldOut: readonly { readonly before: string; readonly after: string }[];
  /** Saves it as a model's folder, with copies of the frozen parts. */
  save(folder: string | URL, options?: SaveOptions): Promise<void>;
  /** Frees what was trained. */
  dispose(): void;
}

/**
 * Fine-tunes a loaded model on images with captions, as `blip2 train --data --no-lora` does: the image encoder and the language model are frozen,
 * features are encoded once, and the Q-Former is trained from the model's parameters, which stay as they are.
 * @param models what `fromPretrained` gives, or one model
 * @throws for too few images, images without captions or that cannot be read, and a model that has not what the task needs
 */
export async function fineTune(
  models: Models,
  examples: readonly TrainingExample[],
  options: FineTuneOptions = {},
): Promise<FineTuned> {
  const { task = 'captioning', seed = 0, heldOut = [], signal, onEncoded, onBefore, onStep } = options;
  checkExamples(examples);
  const model = task === 'captioning' ? generationModel(models) : retrievalModel(models);
  await expectNoAdapters(model);
  const trained = model.kind === 'generation' ? generation(model, loraOf(options)) : retrieval(model);
  const schedule = fineTuningSchedule(examples.length, model.config.hiddenSize);
  const { steps = schedule.steps, batchSize = schedule.batchSize, learningRate = schedule.learningRate } = options;
  const total = examples.length + heldOut.length;
  const encoded =
    (before: number) =>
    (done: number): void =>
      onEncoded?.(before + done, total);
  const others = await encodeExamples(model, heldOut, { onProgress: encoded(0), signal });
  const images = examples.map(({ image }) => image);
  const features = await encodeExamples(model, images, { onProgress: encoded(heldOut.length), signal });
  const captions = examples.map((example) => example.captions.filter((caption) => caption.trim() !== ''));
  const parts = await partsOf(model, seed);
  try {
    const before = await trained.captions(parts, others);
    onBefore?.(before);
    const run = trained.train(
      parts,
      { captions, features },
      {
        steps,
        batchSize,
        learningRate,
        minLearningRate: schedule.minLearningRate,
        warmupSteps: Math.round(steps / 10),
        trainer: { maxGradNorm: 1, ...(signal && { signal }) },
      },
    );
    for await (const { step, losses, lr } of run) {
      onStep?.({ step, steps, losses, learningRate: lr });
      await new Promise((resolve) => setTimeout(resolve)); // lets a message that cancels come in
      signal?.throwIfAborted();
    }
    const after = await trained.captions(parts, others);
    return {
      steps,
      heldOut: before.map((caption, i) => ({ before: caption, after: after[i]! })),
      save: (folder, saving = {}) => trained.save(folder, parts, saving),
      dispose: () => parts.dispose(),
      [Symbol.dispose]: () => parts.dispose(),
    };
  } catch (error) {
    parts.dispose();
    throw error;
  }
}

const loraOf = ({ lora: rank }: FineTuneSettings): Stage2TrainOptions['lora'] =>
  rank === undefined ? undefined : { rank, alpha: 2 * rank, dropout: 0 };
