import { readModelConfig } from '@blip2/models';
import { expectMatch, loadPlan, mismatchesOf, openModel } from '@blip2/models/folder';
import type { Json } from '@blip2/tensor';
import { join, readJson } from '@blip2/tensor/files';
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
  'qformer_tokenizer/tokenizer.json', // of an InstructBLIP
  'qformer_tokenizer/tokenizer_config.json',
];

/** Reads a Hugging Face folder, with the frozen parts that it refers to. Fused biases of early files are split as in later ones, buffers are left out. */
export async function fromHuggingFace(folder: string, { config: changes = {} }: ConvertOptions): Promise<ModelFiles> {
  const { json, generation, source: opened } = await openModel(folder);
  try {
    const config = overrideConfig(json, changes);
    const files: Record<string, Json> = generation ? { 'generation_config.json': generation } : {};
    for (const file of COPIED) {
      const copied = await readJson(join(folder, file));
      if (copied) files[file] = copied;
    }
    const source = renamed(fusedBiasSource(opened), (name) => (name.endsWith('.position_ids') ? undefined : name));
    if (config.model_type === 'blip-2' || config.model_type === 'instructblip') {
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
