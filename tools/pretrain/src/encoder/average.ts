import { bind, type Flat, flatten, type Spec, type Tree, unflatten } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { type EfficientNetConfig, efficientNetSpec, readVisionConfig } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { writeFolder } from '../folder.js';
import { configJson, preprocessorJson } from './config.js';

/**
 * Writes the encoder whose weights are the mean of those of others, which began with the same ones: often better on images unlike
 * those of training than each (model soups, Wortsman et al. 2022, arXiv 2203.05482).
 * @param folders of the encoders
 */
export async function averageEncoders(folders: readonly string[], folder: string): Promise<void> {
  const spec = efficientNetSpec(readVisionConfig(configJson) as EfficientNetConfig) as Spec;
  const each: Flat[] = [];
  for (const one of folders) {
    const source = await openSafetensors(one);
    each.push(flatten((await bind(spec, source)) as Tree));
    await source.close();
  }
  const paths = Object.keys(each[0] ?? {});
  const mean = (path: string): tf.Tensor =>
    tf.tidy(() => tf.div(tf.addN(each.map((flat) => flat[path]!)), each.length));
  const averaged = Object.fromEntries(paths.map((path) => [path, mean(path)]));
  const files = { 'config.json': configJson, 'preprocessor_config.json': preprocessorJson };
  await writeFolder(folder, files, unflatten(spec, averaged) as Tree);
  tf.dispose([each, averaged]);
}
