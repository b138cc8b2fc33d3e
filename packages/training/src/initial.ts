import { isCopy, type QFormerConfig } from '@blip2/qformer';
import { bind, type Flat, flatten, initialize, specLeaves, type WeightSource } from '@blip2/tensor';
import { stage1Spec, stage2Spec } from './stages/specs.js';

/** The trained parameters of one stage, of which another training starts; borrowed. */
export interface InitialModel {
  /** The configuration of its Q-Former. */
  readonly config: QFormerConfig;
  /** What the stage trains, by the names of `stage1Spec` or `stage2Spec`, and nothing else. */
  readonly weights: WeightSource;
}

/** Trained models to start from; `openTrained` of `@blip2/models/folder` opens them. */
export interface InitialModels {
  /** Stage 1 starts from these parameters. */
  readonly stage1?: InitialModel | undefined;
  /** Stage 2 starts from these parameters, and not from stage 1. */
  readonly stage2?: InitialModel | undefined;
}

/** The keys by which models of equal shapes may still compute differently, and sizes that are better named than shapes. */
const STRUCTURE = [
  'layers',
  'hiddenSize',
  'heads',
  'intermediateSize',
  'queries',
  'crossAttentionFrequency',
  'encoderWidth',
  'activation',
  'epsilon',
] as const satisfies readonly (keyof QFormerConfig)[];

/** The configuration that follows from the models that a training starts from; undefined where there are none. */
export function initialSizes({ stage1, stage2 }: InitialModels): Partial<QFormerConfig> | undefined {
  const config = (stage1 ?? stage2)?.config;
  if (!config) return undefined;
  return Object.fromEntries([...STRUCTURE, ...OTHERS].map((key) => [key, config[key]]));
}

/** What the shapes of stage 1 determine besides. */
const OTHERS = ['projectionSize', 'maxPositions'] as const;

/** @throws for an initial model whose Q-Former is built differently, listing every difference */
export function expectSameSizes(config: QFormerConfig, { stage1, stage2 }: InitialModels): void {
  for (const model of [stage1, stage2]) {
    if (!model) continue;
    const keys = model === stage1 ? [...STRUCTURE, ...OTHERS] : STRUCTURE;
    const other = keys.filter((key) => model.config[key] !== config[key]);
    if (other.length === 0) continue;
    const differences = other.map((key) => `${key} ${model.config[key]} instead of ${config[key]}`).join(', ');
    throw new Error(
      `The training cannot start from ${model.weights.origin}, whose Q-Former has ${differences}; configure the same.`,
    );
  }
}

/**
 * Reads the parameters of stage 1. Published retrieval models have neither the captioning head nor the temperature, which are
 * then initialized: the head randomly.
 * @throws BindError for other tensors that are missing, and for those that are unused or of another shape
 */
export async function readStage1(config: QFormerConfig, { weights }: InitialModel, seed: number): Promise<Flat> {
  const { cls, temp, ...others } = stage1Spec(config);
  const made = { cls, temp };
  const has = specLeaves(made).some(([path]) => weights.names.has(path));
  if (has) return flatten(await bind({ ...others, ...made }, weights, { ignore: isCopy }));
  const read = await bind(others, weights, { ignore: isCopy });
  return { ...flatten(read), ...flatten(initialize(made, seed)) };
}

/** Reads the parameters of stage 2. @throws BindError for tensors that are missing, unused or of another shape */
export const readStage2 = async (config: QFormerConfig, { weights }: InitialModel, width: number): Promise<Flat> =>
  flatten(await bind(stage2Spec(config, width), weights, { ignore: isCopy }));
