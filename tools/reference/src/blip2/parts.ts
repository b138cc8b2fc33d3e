import { type QFormer, type QFormerConfig, type QFormerParts, qformerConfig, qformerSpec } from '@blip2/qformer';
import { bind, dispose, type Flat, flatten, type LayerNorm, layerNorm, type Spec, type Tree } from '@blip2/tensor';
import { loadFinalNorm, loadVisionEncoder, readVitConfig, type VitEncoder, vitForward } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import type { Folder } from '../folder.js';
import { type Json, numberOf, object } from '../json.js';

/** What every BLIP-2 folder of Hugging Face holds beside a language model. */
export interface Parts<T> {
  readonly vision: VitEncoder;
  readonly norm: LayerNorm;
  readonly qformer: QFormer & T;
  readonly config: QFormerConfig;
  /** All of it by the names in the file. */
  readonly parameters: Flat;
  dispose(): void;
}

const VISION = 'vision_model.';
const LANGUAGE = 'language_model.';

export interface PartsOptions<S extends Spec> {
  readonly parts: QFormerParts;
  /** What else stands beside the Q-Former in the file, from the Q-Former's width. */
  readonly more: (config: QFormerConfig) => S;
}

export async function loadParts<T extends object>(
  folder: Folder,
  json: Json,
  { parts, more }: PartsOptions<{ readonly [key: string]: Spec }>,
): Promise<Parts<T>> {
  const vision = await loadVisionEncoder(folder.model, readVitConfig(json), { prefix: VISION });
  const norm = await loadFinalNorm(folder.model, vision.config, { prefix: VISION });
  const config = qformerConfig(object(json.qformer_config ?? {}, "'qformer_config'"), {
    queries: numberOf(json, 'num_query_tokens', 32),
    projectionSize: numberOf(json, 'image_text_hidden_size', 256),
    encoderWidth: vision.width,
  });
  const ignore = (name: string): boolean => name.startsWith(VISION) || name.startsWith(LANGUAGE);
  const tree: Tree = await bind<Spec>({ ...qformerSpec(config, parts), ...more(config) }, folder.model, { ignore });
  const parameters: Flat = {
    ...flatten(tree),
    ...prefixed(VISION, flatten(vision.params)),
    ...prefixed(`${VISION}post_layernorm.`, flatten(norm)),
  };
  return {
    vision,
    norm,
    qformer: tree as unknown as QFormer & T,
    config,
    parameters,
    dispose: () => dispose(parameters),
  };
}

export const prefixed = (prefix: string, flat: Flat): Flat =>
  Object.fromEntries(Object.entries(flat).map(([path, tensor]) => [prefix + path, tensor]));

/**
 * Images to what the Q-Former looks at, the trained norm included: [B,H,W,3] -> [B,N,D]. Differentiable by the encoder's
 * parameters as well.
 */
export function look({ vision, norm }: Pick<Parts<object>, 'vision' | 'norm'>, pixels: tf.Tensor4D): tf.Tensor3D {
  const { params, config } = vision;
  return tf.tidy(() => layerNorm(norm, vitForward(params, config, pixels), config.epsilon) as tf.Tensor3D);
}
