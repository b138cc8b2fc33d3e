import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { flatten, type Tree } from '@blip2/tensor';
import { type TensorEntry, writeSafetensors } from '@blip2/tensor/safetensors';

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
