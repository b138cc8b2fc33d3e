import { join } from 'node:path';
import { readProcessor } from '@blip2/data';
import { type GenerationModel, loadFolder, saveStage2 } from '@blip2/models';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { languageAlone } from '@blip2/test-models';
import { expectClose, expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import { adaptedLanguage, compose, loadLanguageModel, type Parts, trainStage2 } from '@blip2/training';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { convertModel } from './convert.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const qformer = {
  layers: 1,
  hiddenSize: 8,
  heads: 2,
  intermediateSize: 8,
  queries: 2,
  projectionSize: 4,
  maxPositions: 5,
};
const vision = { width: 32, encode: () => tf.zeros([1, 4, 32]) as tf.Tensor3D };
const ids = (rows: number[][]) => tf.tensor2d(rows, [2, rows[0]!.length], 'int32');

const data = ({ position }: { position: number }) => ({
  features: tf.randomNormal([2, 4, 32], 0, 1, 'float32', position + 1) as tf.Tensor3D,
  texts: {
    imageIndex: tf.tensor1d([0, 1], 'int32'),
    promptIds: ids([[1], [1]]),
    promptMask: ids([[1], [1]]),
    targetIds: ids([
      [5, 2],
      [6, 2],
    ]),
    targetMask: ids([
      [1, 1],
      [1, 1],
    ]),
  },
});
const lora = { rank: 2, alpha: 4, targets: '.*' };

async function losses(parts: Parts): Promise<number[]> {
  const found: number[] = [];
  const run = trainStage2(parts, { data, steps: 4, learningRate: 1e-2, warmupSteps: 1, lora });
  for await (const step of run) found.push(step.losses.total as number);
  return found;
}

const logits = (language: { predict: GenerationModel['language']['predict'] }): tf.Tensor =>
  tf.tidy(() => {
    const [promptIds, targetIds] = [tf.tensor2d([[4, 3]], [1, 2], 'int32'), tf.tensor2d([[5, 6, 2]], [1, 3], 'int32')];
    return (language.predict({ promptIds, targetIds }) as { logits: tf.Tensor }).logits;
  });

test.each(['opt', 't5'])(
  'stage 2 with adapters through a packed %s: losses as through the unpacked one; saved, it stays packed',
  async (kind) => {
    await inFolder(async (folder) => {
      const [alone, packed, dense, out] = ['alone', 'packed', 'dense', 'out'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
        string,
      ];
      await languageAlone(`hf-${kind}`, alone);
      await convertModel(alone, packed, { quantize: 'int8' });
      await convertModel(packed, dense, { dtype: 'f32' });
      await expectNoLeak(async () => {
        const curves: number[][] = [];
        for (const path of [packed, dense]) {
          const language = await loadLanguageModel(path);
          using parts = await compose({ vision, language, qformer, text: { tokenizer: language.tokenizer } });
          curves.push(await losses(parts));
          if (path === packed) {
            const saved = {
              config: parts.config,
              params: parts.stage2,
              processor: await readProcessor(fixture(`hf-${kind}`)),
              tokenizer: alone,
              vision: { external: 'mine' },
              language: { folder: packed },
              adapter: { tensors: parts.adapters, config: lora },
            };
            await saveStage2(out, saved as never);
            using loaded = (await loadFolder(out, { vision })) as GenerationModel;
            const [mine, right] = [logits(loaded.language), logits(adaptedLanguage(parts, lora))];
            expectClose(mine, right, 1e-5);
            tf.dispose([mine, right]);
          }
          language.dispose?.();
        }
        const [through, reference] = curves as [number[], number[]];
        expect(through.at(-1)).toBeLessThan(through[0] as number);
        for (const [i, loss] of through.entries()) expect(loss).toBeCloseTo(reference[i] as number, 4);
      });
      const [before, after] = [await openSafetensors(packed), await openSafetensors(out)];
      for (const [name, info] of before.names) {
        if (!info.packed) continue;
        const stored = await after.readRaw(`language_model.${name}`);
        expect(stored.packed).toBe(info.packed);
        expect(stored.bytes).toEqual((await before.readRaw(name)).bytes);
      }
      await before.close();
      await after.close();
      expect(await json(join(out, 'config.json'))).toHaveProperty('quantization_config.quantize', 'int8');
    });
  },
);
