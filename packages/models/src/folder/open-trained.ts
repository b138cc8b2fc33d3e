import type { QFormerConfig } from '@blip2/qformer';
import type { WeightSource } from '@blip2/tensor';
import { type ModelKind, type RerankConfig, readModelConfig } from './config.js';
import { modelFolder } from './load.js';
import { loadPlan } from './load-plan.js';
import { openModel } from './open.js';
import { placeholders } from './placeholders.js';

/** The trained parameters of a model's folder, open for reading. */
export interface TrainedWeights {
  /** The folder itself: of the stage, where a training run's folder was given. */
  readonly folder: string;
  /** The configuration of its Q-Former. */
  readonly config: QFormerConfig;
  /** How a retrieval model orders candidates. */
  readonly rerank: RerankConfig;
  /** The Q-Former with its heads or its projection, and `ln_vision`, by the names of the specs; closed by the caller. */
  readonly weights: WeightSource;
}

/**
 * Opens what was trained of a model, without its frozen parts. Reads only headers.
 * @param folder a model's folder or a training run's (a path or a `file:` URL)
 * @param kind the kind that is needed: `retrieval` is trained by stage 1, `generation` by stage 2
 * @throws for a folder without a model of that kind
 */
export async function openTrained(folder: string | URL, kind: ModelKind): Promise<TrainedWeights> {
  const path = await modelFolder(folder, kind);
  const { json, source } = await openModel(path);
  try {
    const model = readModelConfig(json, path);
    if (model.kind !== kind || model.instructed) {
      const what = model.instructed ? 'an InstructBLIP' : `a ${model.kind} model`;
      throw new Error(`'${path}' holds ${what}, but a ${kind} model of BLIP-2 is needed; give the folder of one.`);
    }
    const { config, trained } = loadPlan(source, model, placeholders(source, model));
    return { folder: path, config, rerank: model.rerank, weights: { ...trained.source, close: () => source.close() } };
  } catch (error) {
    await source.close();
    throw error;
  }
}
