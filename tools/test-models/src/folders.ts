import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSafetensors, type TensorEntry, writeSafetensors } from '@blip2/tensor/safetensors';
import { fixture, json } from '@blip2/testing';

/** A copy of a fixture whose tensors are what `change` makes of them. */
export async function altered(
  name: string,
  folder: string,
  change: (entries: TensorEntry[]) => TensorEntry[],
): Promise<void> {
  await cp(fixture(name), folder, { recursive: true, filter: (path) => !path.includes('golden') });
  const source = await openSafetensors(fixture(name));
  const entries = [...source.names].map(
    ([name, { shape }]): TensorEntry => ({ name, shape, dtype: 'F32', data: () => source.read(name) }),
  );
  await writeSafetensors(join(folder, 'model.safetensors'), change(entries));
  await source.close();
}

/** One tensor too few, one too many, and one of another shape. */
export const threefold = (entries: TensorEntry[]): TensorEntry[] => [
  ...entries
    .filter(({ name }) => name !== 'language_model.model.decoder.layers.1.fc1.bias')
    .map((entry) =>
      entry.name === 'vision_model.encoder.layers.0.layer_norm1.weight'
        ? { ...entry, shape: [7], data: new Float32Array(7) }
        : entry,
    ),
  { name: 'qformer.spare', shape: [1], dtype: 'F32', data: new Float32Array(1) },
];

/** The language model of a BLIP-2 fixture in a folder of its own. */
export async function languageAlone(name: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { text_config: config } = await json<{ text_config: object }>(join(fixture(name), 'config.json'));
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  for (const file of ['tokenizer.json', 'tokenizer_config.json'])
    await cp(fixture(`${name}/${file}`), join(folder, file));
  const source = await openSafetensors(fixture(name));
  const entries = [...source.names].flatMap(([name, { shape }]): TensorEntry[] => {
    const own = /^language_model\.(.*)/.exec(name)?.[1];
    return own === undefined ? [] : [{ name: own, shape, dtype: 'F32', data: () => source.read(name) }];
  });
  await writeSafetensors(join(folder, 'model.safetensors'), entries);
  await source.close();
}
