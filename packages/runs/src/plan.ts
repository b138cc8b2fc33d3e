import { memoryBudget } from '@blip2/models/folder';
import { qformerConfig } from '@blip2/qformer';
import { matchesPath, sizeOf, specLeaves } from '@blip2/tensor';
import { stage1Spec, stage2Spec } from '@blip2/training';
import type { RunConfig } from './config/schema.js';
import { bytes, checkDisk } from './disk.js';

/** What a stage trains and what it needs, in bytes where nothing else is said. */
export interface StagePlan {
  readonly stage: 1 | 2;
  /** The number of trained values, by part. */
  readonly groups: Readonly<Record<string, number>>;
  readonly steps: number;
  /** Images of an update. */
  readonly batch: number;
  /** Weights, gradients and AdamW's moments, and an estimate of the activations of a batch. */
  readonly memory: { readonly parameters: number; readonly activations: number };
  /** Checkpoints and the saved model's trained part. */
  readonly disk: number;
}

/** The parts of the trained parameters, by how their names begin; the first that fits counts. */
const partNames: readonly (readonly [part: string, prefix: RegExp])[] = [
  ['queries', /^query_tokens/],
  ['vision norm', /^vision_model\.post_layernorm\./],
  ['image encoder', /^vision_model\./],
  ['adapters of the language model', /^language_model\./],
  ['projection to the language model', /^language_projection\./],
  ['Q-Former', /^(qformer|embeddings)\./],
  ['heads', /./],
];

const FLOAT = 4;
/** The weights, their gradients, both moments of AdamW, and the updated weights beside the old ones. */
const COPIES = 5;
/** Two checkpoints and the best, each with weights; two of them with both moments. */
const STORED = 7;

/** The models around the Q-Former, as far as a plan depends on them. */
export interface PlannedModels {
  /** D, the width of the image encoder's features. */
  readonly encoderWidth: number;
  /** N, the features of an image, where their number is known. */
  readonly tokens?: number | undefined;
  /** The tokens that the Q-Former knows. */
  readonly vocabulary: number;
  /** The language model, for stage 2. */
  readonly language?: { readonly width: number; readonly vocabulary: number } | undefined;
  /** The image encoder, where rules may have it trained. */
  readonly encoder?: PlannedEncoder | undefined;
  /** The shapes of the language model's adapters that stage 2 trains, by path after `language_model.` and with it. */
  readonly adapters?: Shapes | undefined;
}

/** Shapes of tensors by path. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** An image encoder that may be trained. */
export interface PlannedEncoder {
  /** The shapes of its parameters, by path with `vision_model.`. */
  readonly shapes: Shapes;
  /** The values that the forward pass of one image keeps for the backward pass. */
  readonly activations: number;
}

/** Plans a stage, before anything is allocated: counts its parameters, and estimates what it needs. */
export function planStage(stage: 1 | 2, config: RunConfig, models: PlannedModels): StagePlan {
  const { encoderWidth, tokens = 0, language, encoder, adapters } = models;
  const sizes = { ...config.qformer, encoderWidth, vocabSize: models.vocabulary, textInput: true };
  const qformer = qformerConfig({}, sizes);
  const spec = stage === 1 ? stage1Spec(qformer) : stage2Spec(qformer, language?.width ?? 0);
  const vocabulary = stage === 1 ? models.vocabulary : (language?.vocabulary ?? 0);
  const groups: Record<string, number> = {};
  let values = 0;
  const { parameters: rules, steps, batchSize, accumulationSteps } = stage === 1 ? config.stage1 : config.stage2;
  const ruleOf = (path: string) => rules.find(([pattern]) => matchesPath(pattern, path))?.[1];
  const unfrozen = [...(encoder?.shapes ?? [])].filter(([path]) => ruleOf(path) === 'trainable');
  const own = [
    ...specLeaves(spec).map(([path, { shape }]) => [path, shape] as const),
    ...(stage === 2 ? (adapters ?? []) : []),
  ];
  for (const [path, shape] of [...own.filter(([path]) => ruleOf(path) !== 'frozen'), ...unfrozen]) {
    const [part] = partNames.find(([, prefix]) => prefix.test(path)) as (typeof partNames)[number];
    groups[part] = (groups[part] ?? 0) + sizeOf(shape);
    values += sizeOf(shape);
  }
  return {
    stage,
    groups,
    steps,
    batch: batchSize * accumulationSteps,
    memory: {
      parameters: COPIES * FLOAT * values,
      activations:
        FLOAT *
        (activations(stage, config, { tokens, vocabulary }) +
          (unfrozen.length > 0 ? batchSize * (encoder?.activations ?? 0) : 0)),
    },
    disk: STORED * FLOAT * values,
  };
}

/**
 * Estimates the values that the forward pass of a batch keeps for the backward pass: of each layer and position the inputs of
 * its matrix products and norms, of each image its keys and values, and of the captions the logits.
 */
function activations(
  stage: 1 | 2,
  { qformer, data, stage1, stage2 }: RunConfig,
  { tokens, vocabulary }: { tokens: number; vocabulary: number },
): number {
  const { queries: Q, layers, hiddenSize: W, intermediateSize: I, crossAttentionFrequency: every } = qformer;
  const { batchSize: B, recompute } = stage === 1 ? stage1 : stage2;
  const L = data.textLength / 2; // texts are padded to the longest of their batch, and are seldom the longest allowed
  const crossed = Math.ceil(layers / every);
  const position = (kept: number): number => kept * (8 * W + 2 * I);
  const each = recompute ? 1 + layers / 8 : layers; // with recomputation: one layer, and the inputs of all
  const keyValues = B * tokens * W * 2 * crossed + B * tokens * 3 * W;
  if (stage === 2) return position(B * Q) * each + keyValues + B * (Q + L) * vocabulary * 2;
  const rows = B * Q + 2 * B * L + 3 * B * (Q + L); // images, texts, captions, and three pairs an image
  return position(rows) * each + keyValues * 2 + B * L * vocabulary * 3;
}

/** Describes a plan in one line. */
export function describePlan({ stage, groups, steps, batch, memory, disk }: StagePlan): string {
  const total = Object.values(groups).reduce((sum, count) => sum + count, 0);
  const each = Object.entries(groups).map(([part, count]) => `${part} ${short(count)}`);
  const needs = `about ${bytes(memory.parameters + memory.activations)} of memory and ${bytes(disk)} of disk`;
  return `Stage ${stage} trains ${short(total)} parameters (${each.join(', ')}) for ${steps} steps of ${batch} images; it takes ${needs}.`;
}

/** The share of the estimate that is certainly needed. */
const CERTAIN = 0.7;

/**
 * Checks that memory and disk suffice, before the first step.
 * @throws with what is needed and what there is
 */
export async function checkPlan(plan: StagePlan, out: string): Promise<void> {
  const { heap, system } = memoryBudget();
  const free = heap ? Math.min(heap.free, system + heap.reserved) : system;
  const { parameters, activations: kept } = plan.memory;
  const needed = parameters + kept;
  if (needed * CERTAIN > free) {
    throw new Error(
      `Stage ${plan.stage} needs about ${bytes(needed)} of memory (parameters ${bytes(parameters)}, activations ${bytes(kept)}), and ${bytes(free)} are available; lower 'batchSize' (--batch-size), or set 'recompute' in stage${plan.stage}.`,
    );
  }
  await checkDisk(out, plan.disk, `Stage ${plan.stage}`);
}

const short = (count: number): string =>
  count >= 1e6
    ? `${(count / 1e6).toPrecision(3)} M`
    : count >= 1e3
      ? `${(count / 1e3).toPrecision(3)} k`
      : String(count);
