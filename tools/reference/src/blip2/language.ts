import { join } from 'node:path';
import { type LanguageModel, type OptConfig, type OptParams, optConfig, optLanguageModel, optSpec } from '@blip2/llm';
import { bind } from '@blip2/tensor';
import type { Folder } from '../folder.js';
import { type Json, object, readJson } from '../json.js';

export interface Language {
  readonly params: OptParams;
  readonly config: OptConfig;
  /** It owns the parameters. */
  readonly model: LanguageModel;
}

const TABLE = 'model.decoder.embed_tokens.weight';
const HEAD = 'lm_head.weight';

/** OPT with its parameters, which golden gradients may be of. What ends a text is said by generation_config.json first. */
export async function loadLanguage(folder: Folder, json: Json, prefix: string): Promise<Language> {
  const read = optConfig(object(json.text_config, "'text_config'"));
  const vocabSize = folder.model.names.get(prefix + TABLE)?.shape[0] ?? read.vocabSize;
  const config = { ...read, vocabSize, ...generationIds(folder, read) };
  const ignore = (name: string): boolean => config.tied && name === prefix + HEAD;
  const params = await bind(optSpec(config), folder.model, { prefix, ignore });
  return { params, config, model: optLanguageModel(params, config) };
}

function generationIds(folder: Folder, { eos, pad }: OptConfig): Pick<OptConfig, 'eos' | 'pad'> {
  let json: Json;
  try {
    json = readJson(join(folder.path, 'generation_config.json'));
  } catch {
    return { eos, pad };
  }
  const { eos_token_id: end, pad_token_id: padding } = json;
  return {
    eos: end === undefined || end === null ? eos : [end].flat().map(Number),
    pad: typeof padding === 'number' ? padding : pad,
  };
}
