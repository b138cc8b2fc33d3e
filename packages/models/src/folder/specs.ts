import { languageSpec } from '@blip2/llm';
import { type QFormerConfig, type QFormerParts, qformerSpec } from '@blip2/qformer';
import { type Shape, type Spec, specLeaves } from '@blip2/tensor';
import { instructBlipSpec, stage1Spec, stage2Spec, visionNormSpec } from '@blip2/training';
import { visionSpec } from '@blip2/vision';
import { isExternal, type ModelConfig } from './config.js';

/** What stands before the names of a model's frozen parts. */
export const prefixes = { vision: 'vision_model.', language: 'language_model.' } as const;

/** What the parts of a model are made of, each by its names without prefix; parts of the user's own are absent. */
export interface PartSpecs {
  readonly vision?: Spec;
  readonly trained: Spec;
  readonly language?: Spec;
}

export interface SpecOptions {
  /** What the Q-Former consists of. Default: what the model is for, without what stage 1 adds. */
  readonly parts?: QFormerParts;
  /** The width of a language model of the user's own. */
  readonly width?: number | undefined;
}

/** The specs of a model as its `config.json` describes it. Nothing is allocated. */
export function partSpecs(model: ModelConfig, { parts = usualParts(model), width }: SpecOptions = {}): PartSpecs {
  const { vision, language, qformer } = model;
  const own = language && !isExternal(language) ? language : undefined;
  return {
    ...(!isExternal(vision) && { vision: visionSpec(vision) }),
    trained: trainedSpec(qformer, { parts, width: width ?? own?.hiddenSize }),
    ...(own && { language: languageSpec(own) }),
  };
}

/** What the Q-Former of such a model consists of, unless stage 1 goes on. */
export const usualParts = ({ kind, instructed }: ModelConfig): QFormerParts => (instructed ? 'instruction' : kind);

/** From a path of a trained spec to the name in a file: InstructBLIP has the embeddings, and their norm, in the Q-Former. */
export function trainedName(path: string, parts: QFormerParts | undefined): string {
  if (parts !== 'instruction') return path;
  return path
    .replace(/^qformer\.layernorm\./, 'qformer.embeddings.layernorm.')
    .replace(/^embeddings\./, 'qformer.embeddings.');
}

/** What is trained: the Q-Former with its heads, or with the bridge to a language model of `width`; and `ln_vision`. */
export function trainedSpec(config: QFormerConfig, { parts, width }: SpecOptions): Spec {
  if (parts === 'instruction' && width !== undefined) return instructBlipSpec(config, width);
  if (parts === 'generation' && width !== undefined) return stage2Spec(config, width);
  if (parts === 'pretraining') return stage1Spec(config);
  return { ...qformerSpec(config, 'retrieval'), ...visionNormSpec(config.encoderWidth) };
}

/** Every tensor of a model's file: its name in full, and its shape. Nothing is allocated. */
export function tensorsOf(model: ModelConfig, options: SpecOptions = {}): Map<string, Shape> {
  const { parts = usualParts(model) } = options;
  const { vision, trained, language } = partSpecs(model, options);
  const named = (prefix: string, spec: Spec | undefined): [string, Shape][] =>
    spec ? specLeaves(spec).map(([path, { shape }]) => [prefix + path, shape]) : [];
  return new Map([
    ...named(prefixes.vision, vision),
    ...named('', trained).map(([path, shape]): [string, Shape] => [trainedName(path, parts), shape]),
    ...named(prefixes.language, language),
  ]);
}
