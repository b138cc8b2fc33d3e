import { createTokenizer, type TokenizerFiles } from '@blip2/data';
import { modelFolder } from '@blip2/models';
import { openTrained } from '@blip2/models/folder';
import type { Communicator } from '@blip2/trainer';
import { bertTokenizerFiles, compose, type InitialModels, loadBert, type Parts } from '@blip2/training';
import type { DataConfig, RunConfig } from './config/schema.js';
import { trainsEncoder } from './config/trained.js';
import { Disposables } from './disposables.js';
import { expectEvenShards, inTurn } from './distributed.js';
import { type FrozenFolders, frozenFolders } from './frozen.js';
import { type CustomLanguage, openRunLanguage, type RunLanguage } from './language.js';
import { checkPlan, describePlan, planStage } from './plan.js';
import { plannedAdapters, plannedEncoder } from './planned.js';
import type { Reporter } from './reporter.js';
import type { RunData, TrainingData } from './run-data.js';
import { type CustomVision, openRunVision, type RunVision } from './vision.js';

/** The open resources of a training run: frozen models, the parts that are trained, and the data. */
export interface TrainingContext {
  readonly config: RunConfig;
  /** The folders of the frozen models. */
  readonly folders: FrozenFolders;
  /** The files of the Q-Former's tokenizer. */
  readonly tokenizer: TokenizerFiles;
  readonly parts: Parts;
  readonly encoder: RunVision;
  /** The language model; absent where stage 2 is not trained. */
  readonly language?: RunLanguage | undefined;
  readonly data: TrainingData;
  close(): Promise<void>;
}

/** Folders of trained models whose parameters a run starts from: paths or `file:` URLs, also of a training run's folder. */
export interface InitialFolders {
  /** A model of stage 1, instead of BERT or random weights. */
  readonly stage1?: string | URL | undefined;
  /** A model of stage 2, instead of what stage 1 gives and a random projection. */
  readonly stage2?: string | URL | undefined;
}

/** Options of `openTrainingContext`. */
export interface TrainingContextOptions<D extends DataConfig> {
  readonly data: RunData<D>;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** An image encoder in place of the folder that the configuration names; it is borrowed. */
  readonly vision?: CustomVision | undefined;
  /** A language model in place of the folder that the configuration names; it is borrowed. */
  readonly language?: CustomLanguage | undefined;
  /** The stages that are trained; the second needs the language model. */
  readonly stages: readonly (1 | 2)[];
  /** The run's folder. */
  readonly out: string;
  /** Trained models to start from. */
  readonly initial?: InitialFolders | undefined;
  /** The processes that train together. Default: this one alone. */
  readonly communicator: Communicator;
}

/** Loads the frozen models, composes the parts, and encodes the images of the data set. */
export async function openTrainingContext<D extends DataConfig>(
  config: RunConfig<D>,
  options: TrainingContextOptions<D>,
): Promise<TrainingContext> {
  const { data: source, reporter, signal, stages, out, initial = {}, communicator } = options;
  const { rank, size } = communicator;
  const frozen = frozenFolders(config);
  const folders = initial.stage1 ? { ...frozen, text: await modelFolder(initial.stage1, 'retrieval') } : frozen;
  expectEvenShards(config, stages, communicator);
  const checked = { stages, out: rank === 0 ? out : undefined, reporter, signal };
  await source.check(config, checked);
  const resources = new Disposables();
  try {
    const encoder = resources.add(
      await openRunVision(config, { own: options.vision, trained: trainsEncoder(config) }),
      (opened) => opened.dispose(),
    );
    const language = stages.includes(2)
      ? resources.add(await openRunLanguage(config, options.language), (opened) => opened.dispose())
      : undefined;
    const { bert, text } = folders;
    const { dropout, ...sizes } = config.qformer;
    const starts = bert === null || initial.stage1 || initial.stage2;
    const files = await bertTokenizerFiles(text);
    const tokenizer = createTokenizer(files);
    const models = {
      encoderWidth: encoder.vision.width,
      tokens: encoder.tokens,
      vocabulary: tokenizer.vocabSize,
      language: language && { width: language.language.width, vocabulary: language.language.tokenizer.vocabSize },
      encoder: trainsEncoder(config) ? await plannedEncoder(encoder.vision) : undefined,
      adapters: language && plannedAdapters(language, config),
    };
    for (const stage of stages) {
      const plan = planStage(stage, config, models);
      reporter.note(describePlan(plan));
      await checkPlan(plan, out);
    }
    const started = await withInitial(initial, async (trained) =>
      compose({
        vision: encoder.vision,
        text: starts ? { tokenizer } : await loadBert(bert),
        ...(language ? { language: language.language } : {}),
        qformer: { ...sizes, dropout, attentionDropout: dropout },
        initial: trained,
        seed: config.seed,
      }),
    );
    const parts = resources.add(started, (composed) => composed.dispose());
    const shard = size > 1 ? { shard: { rank, size } } : {};
    const open = () => source.openTraining(config, { ...checked, ...shard, encoder, parts });
    const data = resources.add(await inTurn(communicator, open), (opened) => opened.close());
    if (data.encoded) encoder.dispose();
    return { config, folders, tokenizer: files, parts, encoder, language, data, close: () => resources.close() };
  } catch (error) {
    await resources.close();
    throw error;
  }
}

/** Opens the models that a run starts from, and closes them after use. */
async function withInitial<T>(
  { stage1, stage2 }: InitialFolders,
  use: (models: InitialModels) => Promise<T>,
): Promise<T> {
  const opened = new Disposables();
  const open = async (folder: string | URL | undefined, kind: 'retrieval' | 'generation') =>
    folder === undefined ? undefined : opened.add(await openTrained(folder, kind), ({ weights }) => weights.close());
  try {
    return await use({ stage1: await open(stage1, 'retrieval'), stage2: await open(stage2, 'generation') });
  } finally {
    await opened.close();
  }
}
