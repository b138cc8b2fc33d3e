import {
  constant,
  embeddingSpec,
  type Initializer,
  type LinearOptions,
  layerNormSpec,
  linearSpec,
  normal,
  type Params,
  param,
  uniform,
  zeros,
} from '@blip2/tensor';
import type { QFormerConfig } from './config.js';

/**
 * The parts of a Q-Former, by its use:
 * `generation`: queries and their branch alone (the second stage and captioning);
 * `instruction`: also the text branch, through which queries attend to instructions (InstructBLIP);
 * `retrieval`: also the text branch, both projections and the matching head (a `Blip2ForImageTextRetrieval`);
 * `pretraining`: also the captioning head `cls.predictions` and the temperature `temp` (the first stage).
 */
export type QFormerParts = 'generation' | 'instruction' | 'retrieval' | 'pretraining';

/** The initial temperature of the contrastive loss. */
const TEMPERATURE = 0.07;

/** The parts of a Q-Former's tree that some `QFormerParts` leave out. */
interface NeededParts {
  generation: never;
  instruction: 'embeddings';
  retrieval: 'embeddings' | 'vision_projection' | 'text_projection' | 'itm_head';
  pretraining: NeededParts['retrieval'] | 'cls' | 'temp';
}
type WholeSpec = ReturnType<typeof buildSpec>;

/** The spec of a Q-Former with certain parts: they are there, and the others may be absent. */
export type QFormerSpec<P extends QFormerParts = 'generation'> = Omit<WholeSpec, NeededParts[P]> & {
  [K in NeededParts[P]]-?: NonNullable<WholeSpec[K]>;
};

/** Describes the parameters of a Q-Former by their names in Hugging Face checkpoints. */
export function qformerSpec<P extends QFormerParts = 'generation'>(config: QFormerConfig, parts?: P): QFormerSpec<P> {
  return buildSpec(config, parts ?? 'generation') as unknown as QFormerSpec<P>;
}

function buildSpec(config: QFormerConfig, parts: QFormerParts) {
  const { hiddenSize: W, queries: Q, vocabSize: V, initializerRange, embeddingRange } = config;
  const init = normal(initializerRange);
  const embedded = normal(embeddingRange);
  const text = parts !== 'generation';
  return {
    query_tokens: param([1, Q, W], embedded),
    qformer: {
      layernorm: layerNormSpec(W),
      encoder: { layer: Array.from({ length: config.layers }, (_, j) => layerSpec(config, j, text)) },
    },
    ...(text
      ? {
          embeddings: {
            word_embeddings: embeddingSpec(V, W, embedded),
            position_embeddings: embeddingSpec(config.maxPositions, W, embedded),
          },
        }
      : {}),
    ...(parts === 'retrieval' || parts === 'pretraining'
      ? {
          vision_projection: headSpec(W, config.projectionSize),
          text_projection: headSpec(W, config.projectionSize),
          itm_head: headSpec(W, 2),
        }
      : {}),
    ...(parts === 'pretraining'
      ? {
          cls: {
            predictions: {
              bias: param([V], zeros),
              transform: { dense: dense(W, W, { init }), LayerNorm: layerNormSpec(W) },
            },
          },
          temp: param([], constant(TEMPERATURE)),
        }
      : {}),
  };
}

/** A linear layer's spec, as a plain record: a `Spec` takes no interfaces. */
const dense = (input: number, output: number, options: LinearOptions = {}) => ({
  ...linearSpec(input, output, options),
});

/** A head is initialized as PyTorch initializes a linear layer, unlike the rest: U(-1/sqrt(input), 1/sqrt(input)), biases too. */
function headSpec(input: number, output: number) {
  const init: Initializer = uniform(input ** -0.5);
  return dense(input, output, { init, biasInit: init });
}

function layerSpec(config: QFormerConfig, j: number, text: boolean) {
  const { hiddenSize: W, intermediateSize: I } = config;
  const options = { init: normal(config.initializerRange) };
  const cross = { init: normal(config.crossAttentionRange) };
  const feed = { init: normal(config.feedForwardRange) };
  const crosses = j % config.crossAttentionFrequency === 0;
  return {
    attention: attentionSpec(W, W, options),
    ...(crosses ? { crossattention: attentionSpec(W, config.encoderWidth, cross) } : {}),
    intermediate_query: { dense: dense(W, I, feed) },
    output_query: outputSpec(I, W, feed),
    ...(text ? { intermediate: { dense: dense(W, I, feed) }, output: outputSpec(I, W, feed) } : {}),
  };
}

const attentionSpec = (width: number, keyWidth: number, options: LinearOptions) => ({
  attention: {
    query: dense(width, width, options),
    key: dense(keyWidth, width, options),
    value: dense(keyWidth, width, options),
  },
  output: outputSpec(width, width, options),
});

const outputSpec = (input: number, width: number, options: LinearOptions) => ({
  dense: dense(input, width, options),
  LayerNorm: layerNormSpec(width),
});

/** The parameters of a Q-Former, whatever its parts; what they leave out is absent. */
export type QFormer = Params<WholeSpec>;

/** The parameters of a Q-Former in the first stage: every part is there. */
export type PretrainingQFormer = Params<QFormerSpec<'pretraining'>>;

/** The parameters of a layer. */
export type Layer = Params<ReturnType<typeof layerSpec>>;
/** The parameters of self-attention or cross-attention. */
export type AttentionBlock = Params<ReturnType<typeof attentionSpec>>;
/** The parameters of a projection with the layer norm after it. */
export type Output = Params<ReturnType<typeof outputSpec>>;

/** @throws naming the part that a Q-Former was built without. */
export function need<T>(part: T | undefined, name: string, parts: QFormerParts): T {
  if (part !== undefined) return part;
  throw new Error(`This Q-Former has no ${name}; build or load it with the parts '${parts}'.`);
}
