import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSafetensors, writeSafetensors } from '@blip2/tensor/safetensors';
import { expect, test } from '@jest/globals';
import { averageModels, averageStage } from './average.js';
import { writeHistory } from './blip2/history.js';

async function writeModel(folder: string, values: readonly number[], shape = [2, 2]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const entry = { name: 'a.weight', shape, dtype: 'F32' as const, data: async () => Float32Array.from(values) };
  await writeSafetensors(join(folder, 'model.safetensors'), [entry]);
  await writeFile(join(folder, 'config.json'), JSON.stringify({ of: folder }));
  await writeFile(join(folder, 'evaluation.json'), '{}');
}

async function withFolder(body: (at: (path: string) => string) => Promise<void>): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'blip2-average-'));
  await body((path) => join(work, path)).finally(() => rm(work, { recursive: true }));
}

const valuesIn = async (folder: string): Promise<number[]> => {
  const source = await openSafetensors(folder);
  const values = await source.read('a.weight');
  await source.close();
  return [...values];
};

test('each weight is the mean of those of the models, and all else the last one has but its scores', () =>
  withFolder(async (at) => {
    await writeModel(at('a'), [1, 2, -0, 4]);
    await writeModel(at('b'), [1, 0, -0, 8]);
    await writeModel(at('c'), [4, 1, -0, 0]);
    await averageModels([at('a'), at('b'), at('c')], at('mean'));
    expect(await valuesIn(at('mean'))).toEqual([2, 1, -0, 4]); // of frozen weights the mean has the bits
    expect((await readdir(at('mean'))).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(JSON.parse(await readFile(at('mean/config.json'), 'utf8'))).toEqual({ of: at('c') });
    await writeModel(at('d'), [1, 2], [2, 1]);
    await expect(averageModels([at('a'), at('d')], at('none'))).rejects.toThrow('has another a.weight than that in');
  }));

test.each(['stage1', 'stage2'] as const)('the mean of %s knows the runs that it is of', (stage) =>
  withFolder(async (at) => {
    const trained = { steps: 1, seconds: 1, curve: [], validations: [] };
    for (const [i, name] of ['a', 'b'].entries()) {
      await writeModel(at(`${name}/${stage}`), [i, i, i, i]);
      await writeHistory(at(name), { runs: [{ continued: false, config: { seed: i }, [stage]: trained }] });
    }
    await averageStage(stage, [at('a'), at('b')], at('mean'));
    expect(await valuesIn(at(`mean/${stage}`))).toEqual([0.5, 0.5, 0.5, 0.5]);
    const { runs, ships } = JSON.parse(await readFile(at('mean/training.json'), 'utf8'));
    expect(runs).toHaveLength(2);
    expect(ships).toEqual({ [stage]: [1, 2] });
  }),
);
