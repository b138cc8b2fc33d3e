import { loadTokenizer } from '@blip2/data';
import { compose, loadBert, loadLanguageModel, type Parts } from '@blip2/training';
import type { DataConfig, RunConfig } from './config/schema.js';
import { Disposables } from './disposables.js';
import { type FrozenFolders, frozenFolders } from './frozen.js';
import type { Reporter } from './reporter.js';
import type { RunData, TrainingData } from './run-data.js';
import { type CustomVision, openRunVision, type RunVision } from './vision.js';

/** The open resources of a training run: frozen models, the parts that are trained, and the data. */
export interface TrainingContext {
  readonly config: RunConfig;
  /** The folders of the frozen models. */
  readonly folders: FrozenFolders;
  readonly parts: Parts;
  readonly encoder: RunVision;
  readonly data: TrainingData;
  close(): Promise<void>;
}

/** Options of `openTrainingContext`. */
export interface TrainingContextOptions<D extends DataConfig> {
  readonly data: RunData<D>;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** An image encoder in place of the folder that the configuration names; it is borrowed. */
  readonly vision?: CustomVision | undefined;
  /** Whether the language model is needed: for stage 2. */
  readonly needsLanguage: boolean;
}

/** Loads the frozen models, composes the parts, and encodes the images of the data set. */
export async function openTrainingContext<D extends DataConfig>(
  config: RunConfig<D>,
  options: TrainingContextOptions<D>,
): Promise<TrainingContext> {
  const { data: source, reporter, signal, needsLanguage } = options;
  const folders = frozenFolders(config);
  source.check(config);
  const resources = new Disposables();
  try {
    const encoder = resources.add(await openRunVision(config, options.vision), (opened) => opened.dispose());
    const language = needsLanguage
      ? resources.add(await loadLanguageModel(folders.language), (model) => model.dispose?.())
      : undefined;
    const { bert, text } = folders;
    const { dropout, ...sizes } = config.qformer;
    const parts = await compose({
      vision: encoder.vision,
      text: bert === null ? { tokenizer: await loadTokenizer(text) } : await loadBert(bert),
      ...(language ? { language } : {}),
      qformer: { ...sizes, dropout, attentionDropout: dropout },
      seed: config.seed,
    });
    resources.add(parts, () => parts.dispose());
    const data = resources.add(await source.openTraining(config, { encoder, parts, reporter, signal }), (opened) =>
      opened.close(),
    );
    return { config, folders, parts, encoder, data, close: () => resources.close() };
  } catch (error) {
    await resources.close();
    throw error;
  }
}
