import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Flat, flatten, type Tree } from '@blip2/tensor';
import { openSafetensors, type TensorEntry, writeSafetensors } from '@blip2/tensor/safetensors';
import * as tf from '@tensorflow/tfjs';

/** A Hugging Face folder: JSON files by name, and the weights in half precision. */
export async function writeFolder(folder: string, files: Record<string, object>, weights: Tree): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, json] of Object.entries(files)) {
    await writeFile(join(folder, name), `${JSON.stringify(json, null, 2)}\n`);
  }
  const entries = Object.entries(flatten(weights)).map(
    ([name, tensor]): TensorEntry => ({
      name,
      shape: tensor.shape,
      dtype: 'F16',
      data: async () => (await tensor.data()) as Float32Array,
    }),
  );
  await writeSafetensors(join(folder, 'model.safetensors'), entries, { metadata: { format: 'pt' } });
}

/** Puts the tensors of a folder in the place of those of the same names, after `prefix`, that have just begun. */
export async function takeOver(trainable: Flat, folder: string, prefix = ''): Promise<void> {
  const source = await openSafetensors(folder);
  for (const [name, { shape }] of source.names) {
    const path = prefix + name;
    const begun = trainable[path];
    if (begun?.shape.join() !== shape.join()) throw new Error(`The model in ${folder} has another ${name}.`);
    trainable[path] = tf.tensor(await source.read(name), begun.shape);
    begun.dispose();
  }
  await source.close();
}
