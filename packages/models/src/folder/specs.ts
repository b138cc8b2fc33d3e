import { languageSpec, languageWidth } from '@blip2/llm';
import { type QFormerConfig, type QFormerParts, qformerSpec } from '@blip2/qformer';
import { type Shape, type Spec, specLeaves } from '@blip2/tensor';
import { instructBlipSpec, stage1Spec, stage2Spec, visionNormSpec } from '@blip2/training';
import { visionSpec } from '@blip2/vision';
import { isExternal, type ModelConfig } from './config.js';

/** The prefixes of the names of a model's frozen parts. */
export const prefixes = { vision: 'vision_model.', language: 'language_model.' } as const;

/** The parameter specs of a model's parts, with names without prefix. Specs of external models are absent. */
export interface PartSpecs {
  readonly vision?: Spec;
  /** The Q-Former, its heads or its projection, and `ln_vision`. */
  readonly trained: Spec;
  readonly language?: Spec;
}

/** Options of `partSpecs` and `tensorShapes`. */
export interface SpecOptions {
  /** The parts of the Q-Former. Default: those of the model's kind, without the pre-training head. */
  readonly parts?: QFormerParts;
  /** The width of an external language model. */
  readonly width?: number | undefined;
}

/** Derives the parameter specs of a model from its config. Allocates nothing. */
export function partSpecs(model: ModelConfig, { parts = defaultParts(model), width }: SpecOptions = {}): PartSpecs {
  const { vision, language, qformer } = model;
  const own = language && !isExternal(language) ? language : undefined;
  return {
    ...(!isExternal(vision) && { vision: visionSpec(vision) }),
    trained: trainedSpec(qformer, { parts, width: width ?? (own && languageWidth(own)) }),
    ...(own && { language: languageSpec(own) }),
  };
}

/** The parts of the Q-Former that a model of this kind needs. */
export const defaultParts = ({ kind, instructed }: ModelConfig): QFormerParts => (instructed ? 'instruction' : kind);

/** Maps a path of a trained spec to the name in a file: InstructBLIP has the embeddings and their norm under `qformer`. */
export function trainedName(path: string, parts: QFormerParts | undefined): string {
  if (parts !== 'instruction') return path;
  return path
    .replace(/^qformer\.layernorm\./, 'qformer.embeddings.layernorm.')
    .replace(/^embeddings\./, 'qformer.embeddings.');
}

/** The spec of what is trained: the Q-Former with its heads, or with the projection to a language model of `width`; and `ln_vision`. */
export function trainedSpec(config: QFormerConfig, { parts, width }: SpecOptions): Spec {
  if (parts === 'instruction' && width !== undefined) return instructBlipSpec(config, width);
  if (parts === 'generation' && width !== undefined) return stage2Spec(config, width);
  if (parts === 'pretraining') return stage1Spec(config);
  return { ...qformerSpec(config, 'retrieval'), ...visionNormSpec(config.encoderWidth) };
}

/** Lists the tensors of a model's file: full names and shapes. Allocates nothing. */
export function tensorShapes(model: ModelConfig, options: SpecOptions = {}): Map<string, Shape> {
  const { parts = defaultParts(model) } = options;
  const { vision, trained, language } = partSpecs(model, options);
  const named = (prefix: string, spec: Spec | undefined): [string, Shape][] =>
    spec ? specLeaves(spec).map(([path, { shape }]) => [prefix + path, shape]) : [];
  return new Map([
    ...named(prefixes.vision, vision),
    ...named('', trained).map(([path, shape]): [string, Shape] => [trainedName(path, parts), shape]),
    ...named(prefixes.language, language),
  ]);
}
