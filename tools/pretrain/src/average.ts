import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openSafetensors, type SafetensorsSource, type TensorEntry, writeSafetensors } from '@blip2/tensor/safetensors';
import { joinAveraged, readHistory, writeHistory } from './blip2/history.js';

/** What of a model's folder is not its own: scores of its weights. */
const SCORES = 'evaluation.json';

/**
 * Writes the model whose weights are the mean of those of others, which began with the same ones: often better on images unlike
 * those of training than each (model soups, Wortsman et al. 2022, arXiv 2203.05482). Its other files are those of the last.
 * @param folders of the models, each with all of its weights in `model.safetensors`, in single or half precision, which they keep
 * @throws where they have other tensors
 */
export async function averageModels(folders: readonly string[], out: string): Promise<void> {
  const sources: SafetensorsSource[] = [];
  try {
    for (const folder of folders) sources.push(await openSafetensors(join(folder, 'model.safetensors')));
    const [first] = sources as [SafetensorsSource];
    const entries = [...first.names].map(([name, { shape, dtype }]): TensorEntry => {
      for (const [i, { names }] of sources.entries()) {
        if (names.get(name)?.shape.join() !== shape.join()) {
          throw new Error(`The model in ${folders[i]} has another ${name} than that in ${folders[0]}.`);
        }
      }
      return {
        name,
        shape,
        dtype: dtype === 'F32' ? dtype : 'F16',
        data: async () => mean(await Promise.all(sources.map((one) => one.read(name)))),
      };
    });
    await mkdir(out, { recursive: true });
    await writeSafetensors(join(out, 'model.safetensors'), entries, { metadata: { format: 'pt' } });
    const last = folders.at(-1) as string;
    for (const file of await readdir(last)) {
      if (file.endsWith('.json') && file !== SCORES && last !== out) await cp(join(last, file), join(out, file));
    }
  } finally {
    for (const source of sources) await source.close();
  }
}

/** The mean of equal weights has their bits, those of -0 too: the sum does not begin with 0. */
const mean = ([first, ...others]: readonly Float32Array[]): Float32Array =>
  first!.map((value, i) => others.reduce((sum, values) => sum + values[i]!, value) / (1 + others.length));

/**
 * Writes as a stage of a run the mean of those of others, with the history of all.
 * @param runs the folders of runs of `pretrainBlip2`, in order
 */
export async function averageStage(stage: 'stage1' | 'stage2', runs: readonly string[], out: string): Promise<void> {
  await averageModels(
    runs.map((run) => join(run, stage)),
    join(out, stage),
  );
  const histories = await Promise.all(runs.map(readHistory));
  const known = histories.filter((history) => history !== undefined);
  await writeHistory(out, joinAveraged(stage, known));
}
