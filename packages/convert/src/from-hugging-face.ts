import { join } from 'node:path';
import { readModelConfig } from '@blip2/models';
import { expectMatch, loadPlan, mismatchesOf } from '@blip2/models/folder';
import type { Json } from '@blip2/tensor';
import { openWeights, readConfigJson, readJson } from '@blip2/tensor/files';
import { fusedBiasSource } from '@blip2/vision';
import { overrideConfig } from './infer.js';
import type { ConvertOptions, ModelFiles } from './options.js';
import { renamed } from './parts.js';

/** Files that are copied, apart from `config.json`. */
const COPIED = [
  'generation_config.json',
  'processor_config.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
];

/** Reads a Hugging Face folder. Fused biases of early files are split as in later ones, buffers are left out. */
export async function fromHuggingFace(folder: string, { config: changes = {} }: ConvertOptions): Promise<ModelFiles> {
  const config = overrideConfig(await readConfigJson(folder), changes);
  const files: Record<string, Json> = {};
  for (const file of COPIED) {
    const json = await readJson(join(folder, file));
    if (json) files[file] = json;
  }
  const opened = await openWeights(folder);
  try {
    const source = renamed(fusedBiasSource(opened), (name) => (name.endsWith('.position_ids') ? undefined : name));
    if (config.model_type === 'blip-2') {
      expectMatch(
        source.origin,
        mismatchesOf(loadPlan(source, readModelConfig(config, folder, files['generation_config.json']))),
      );
    }
    return { source, config, files };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
