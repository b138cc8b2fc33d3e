import { ALL_LINEAR, adapterFiles, type LoraConfig, loraConfigJson, peftTensors } from '@blip2/llm';
import type { Flat } from '@blip2/tensor';
import { join } from '@blip2/tensor/files';
import { writeSafetensors } from '@blip2/tensor/safetensors';
import { writeJson } from './atomic-folder.js';
import { prefixes } from './specs.js';

/** LoRA adapters of the language model, as stage 2 trains them. */
export interface SavedAdapter {
  /** By path after `language_model.`, as `parts.adapters` has them; they stay the caller's. */
  readonly tensors: Flat;
  readonly config: LoraConfig;
  /** The model that they are of, for PEFT: a name on the hub or a folder. Default: none is named. */
  readonly base?: string | undefined;
}

/** Writes adapters into an existing folder, as PEFT saves those of a whole BLIP-2: `adapter_model.safetensors` and `adapter_config.json`. */
export async function writeAdapter(folder: string, { tensors, config, base }: SavedAdapter): Promise<void> {
  const entries = Object.entries(peftTensors(tensors)).map(([name, tensor]) => ({
    name,
    shape: tensor.shape,
    dtype: 'F32' as const,
    data: async () => (await tensor.data()) as Float32Array,
  }));
  await writeSafetensors(join(folder, adapterFiles.weights), entries, { metadata: { format: 'pt' } });
  // within a whole model `all-linear` would be the image encoder's and the Q-Former's layers too
  const own = config.targets === ALL_LINEAR ? { ...config, targets: layerNames(tensors) } : config;
  await writeJson(join(folder, adapterFiles.config), loraConfigJson(own, { base, prefix: prefixes.language }));
}

/** The last names of the layers that have adapters, such as `q_proj`. */
const layerNames = (tensors: Flat): string[] => [
  ...new Set(Object.keys(tensors).map((path) => path.replace(/\.lora_[AB]\.weight$/, '').replace(/^.*\./, ''))),
];
