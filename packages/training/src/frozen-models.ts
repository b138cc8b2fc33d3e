import { loadTokenizer, type Processor, readProcessor, type Tokenizer } from '@blip2/data';
import { type LanguageModel, languageConfig, loadLanguage } from '@blip2/llm';
import type { WeightSource } from '@blip2/tensor';
import { readConfigJson, readGenerationJson } from '@blip2/tensor/files';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { loadVisionEncoder, readVisionConfig, type VisionEncoder } from '@blip2/vision';

/** An encoder, and how images are made ready for it. */
export type VisionModel = VisionEncoder & { readonly processor: Processor };

/** A language model that knows its tokens. */
export type LanguageModelWithTokenizer = LanguageModel & { readonly tokenizer: Tokenizer };

/** The text side of a Q-Former: its tokens and, to begin as BERT, where its weights are. */
export interface BertModel {
  readonly tokenizer: Tokenizer;
  readonly source?: WeightSource;
}

/** The frozen image encoder of a Hugging Face folder. */
export async function loadVision(folder: string): Promise<VisionModel> {
  const [json, processor, source] = await Promise.all([
    readConfigJson(folder),
    readProcessor(folder),
    openSafetensors(folder),
  ]);
  try {
    const encoder = await loadVisionEncoder(source, readVisionConfig(json));
    return { ...encoder, processor };
  } finally {
    await source.close();
  }
}

/** The frozen language model of a Hugging Face folder. */
export async function loadLanguageModel(folder: string): Promise<LanguageModelWithTokenizer> {
  const [json, generation, tokenizer, source] = await Promise.all([
    readConfigJson(folder),
    readGenerationJson(folder),
    loadTokenizer(folder),
    openSafetensors(folder),
  ]);
  try {
    return { ...(await loadLanguage(source, languageConfig(json, generation))), tokenizer };
  } finally {
    await source.close();
  }
}

/** The BERT of a Hugging Face folder, for `compose`, which reads and closes it. */
export async function loadBert(folder: string): Promise<BertModel> {
  const [tokenizer, source] = await Promise.all([loadTokenizer(folder), openSafetensors(folder)]);
  return { tokenizer, source };
}
