import { readFileSync } from 'node:fs';
import { type Flat, flatten } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { fixture } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';

/** The files of a fixture's folder. */
export function readTokenizerFiles(name: string) {
  const folder = fixture(name);
  return {
    json: <T>(file: string): T => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as T,
    openModel: () => openSafetensors(`${folder}/model.safetensors`),
    /** Tensors of a file of the fixture; the caller owns them. */
    async readTensors(file: 'golden' | 'model', wanted: readonly string[]): Promise<Flat> {
      const source = await openSafetensors(`${folder}/${file}.safetensors`);
      const flat: Flat = {};
      for (const key of wanted) {
        const shape = source.names.get(key)?.shape as number[];
        flat[key] = tf.tensor(await source.read(key), [...shape]);
      }
      await source.close();
      return flatten(flat);
    },
  };
}
