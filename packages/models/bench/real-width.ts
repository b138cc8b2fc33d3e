import { optConfig, optLanguageModel, optSpec, type SyncLanguageModel } from '@blip2/llm';
import { qformerConfig } from '@blip2/qformer';
import { type Params, type Spec, specLeaves, unflatten } from '@blip2/tensor';
import { published } from '@blip2/testing/published';
import { type Stage2Params, stage2Spec } from '@blip2/training';
import { readVitConfig, type VisionParams, type VitEncoder, visionEncoder, visionSpec } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';

// A model of real width that fits: CLIP's ViT-L/14, the full Q-Former, OPT-125M. `pnpm true-size vit-l-opt-125m` writes its folder.

const config = published['vit-l-opt-125m'];
export const visionConfig = readVitConfig(config.vision_config);
export const queryConfig = qformerConfig({}, { encoderWidth: visionConfig.hiddenSize });
export const textConfig = optConfig(config.text_config);

/** A tree of usual values, quickly: as many random numbers as a prime, over and over, so that no two rows are the same. */
function filled<S extends Spec>(spec: S): Params<S> {
  const random = tf.tidy(() => tf.randomNormal([65_537], 0, 0.02, 'float32', 1).dataSync());
  const leaf = (name: string, shape: readonly number[]): tf.Tensor => {
    const values = new Float32Array(tf.util.sizeFromShape([...shape]));
    for (let at = 0; at < values.length; at += random.length) {
      values.set(random.subarray(0, Math.min(random.length, values.length - at)), at);
    }
    if (/norm.*\.weight$/i.test(name)) values.fill(1);
    return tf.tensor(values, [...shape]);
  };
  return unflatten(spec, Object.fromEntries(specLeaves(spec).map(([name, { shape }]) => [name, leaf(name, shape)])));
}

export const realVision = (): VitEncoder =>
  visionEncoder(filled(visionSpec(visionConfig)) as VisionParams, visionConfig);
export const realQFormer = (): Stage2Params => filled(stage2Spec(queryConfig, textConfig.hiddenSize));
export const realLanguage = (): SyncLanguageModel => optLanguageModel(filled(optSpec(textConfig)), textConfig);
