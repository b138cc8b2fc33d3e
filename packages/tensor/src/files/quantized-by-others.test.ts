import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSafetensors } from '@blip2/tensor/safetensors';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openWeights, readConfigJson } from './index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantized-'));
});
afterEach(() => rm(folder, { recursive: true }));

const config = (json: object): Promise<void> => writeFile(join(folder, 'config.json'), JSON.stringify(json));

test.each([
  [{ quant_method: 'bitsandbytes', load_in_4bit: true }, 'bitsandbytes', 4],
  [{ load_in_8bit: true }, 'bitsandbytes', 8],
  [{ quant_method: 'gptq', bits: 4, group_size: 128 }, 'GPTQ', 4],
  [{ quant_method: 'awq', bits: 4, version: 'gemm' }, 'AWQ', 4],
  [{ quant_method: 'fp8' }, 'FP8', 4],
  [{ quant_method: 'mine', bits: 8 }, "the quantization method 'mine'", 8],
  [{ quant_method: { toString: 1 } }, 'the quantization method {"toString":1}', 4],
  [{}, 'the quantization method nothing', 4],
])('%j is refused by its name', async (quantization, name, bits) => {
  for (const json of [{ quantization_config: quantization }, { text_config: { quantization_config: quantization } }]) {
    await config({ model_type: 'blip-2', ...json });
    await expect(readConfigJson(folder)).rejects.toThrow(
      `config.json: these weights were quantized with ${name}, which is not read here; take the model in float32 or half precision, and quantize that with 'blip2 convert MODEL OUT --quantize int${bits}'.`,
    );
  }
});

test.each([
  ['SCB', 'bitsandbytes', 8],
  ['weight.absmax', 'bitsandbytes', 4],
  ['qweight', 'GPTQ or AWQ', 4],
  ['g_idx', 'GPTQ', 4],
])('without such a config, a tensor *.%s shows the method', async (suffix, name, bits) => {
  const data = new Uint8Array(2);
  await writeSafetensors(join(folder, 'model.safetensors'), [
    { name: `layers.0.fc1.${suffix}`, shape: [2], dtype: 'U8', data },
  ]);
  await expect(openWeights(folder)).rejects.toThrow(`quantized with ${name}, which is not read here`);
  await expect(openWeights(folder)).rejects.toThrow(`--quantize int${bits}'`);
});

test('its own packed weights, and configs without a quantization, are read', async () => {
  await config({ model_type: 'blip-2', quantization_config: { quant_method: 'blip2' } });
  expect(await readConfigJson(folder)).toMatchObject({ model_type: 'blip-2' });
  await config({ model_type: 'blip-2', quantization_config: null });
  expect(await readConfigJson(folder)).toMatchObject({ model_type: 'blip-2' });
});
