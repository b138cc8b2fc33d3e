import { type Tokenizer, toIdTensors } from '@blip2/data';
import { generate, generateTokens, type Prompt } from '@blip2/llm';
import { dispose } from '@blip2/tensor';
import { instructBlipSoftPrompt, instructionTensors, padPrompts, promptTokens, softPrompt } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import type { GenerationModel } from '../folder/loaded-model.js';
import { decodingOptions, type GenerationOptions } from './decoding.js';

/** What speaking needs of a model; one still in training has it too. */
export type GenerationParts = Pick<
  GenerationModel,
  'config' | 'params' | 'language' | 'tokenizer' | 'imageToken' | 'instruction'
>;

/** A text that was made. */
export interface Generation {
  /** Without the prompt and without special tokens. */
  readonly text: string;
  /** The new ids, the one that ended the text included. */
  readonly tokens: number[];
  /** The log-probability of the new ids, divided by their number to the power of the length penalty. */
  readonly score: number;
}

/** Images and how texts about them begin. */
export interface GenerationInput {
  /** [I,N,D] of the image encoder. */
  readonly features: tf.Tensor3D;
  /** One a text. */
  readonly prompts: readonly string[];
  /** The place in `features` of each text's image. Default: one text an image, in their order. */
  readonly imageIndex?: readonly number[];
}

/**
 * Texts about images: for each prompt as many as are asked for, best first. What the Q-Former sees in an image is
 * computed once for all texts about it.
 * The ids before the new ones are, as in Hugging Face, one image token a query, BOS and the prompt; the repetition
 * penalty counts them all (specification, section 3.6). A decoder that has an encoder begins with its start token.
 */
export async function generateText(
  model: GenerationParts,
  input: GenerationInput,
  options: GenerationOptions = {},
): Promise<Generation[][]> {
  const { prompt, history } = promptOf(model, input);
  try {
    const rows = await generate(model.language, prompt, decodingOptions(model, options, history));
    return rows.map((texts) =>
      texts.map(({ ids, score }) => ({ text: textOf(model.tokenizer, ids), tokens: ids, score })),
    );
  } finally {
    dispose(prompt);
  }
}

/** Options of a text that comes piece by piece: there is one, and no beams. */
export type StreamOptions = Omit<GenerationOptions, 'beams' | 'returnSequences'>;

/** One text about one image, by greedy search or sampling, piece by piece as soon as the pieces are there. */
export async function* streamText(
  model: GenerationParts,
  input: { features: tf.Tensor3D; prompt: string },
  options: StreamOptions = {},
): AsyncGenerator<string, void, undefined> {
  const { features } = input;
  const { prompt, history } = promptOf(model, { features, prompts: [input.prompt] });
  try {
    const ids: number[] = [];
    let told = '';
    const decoding = { ...decodingOptions(model, options, history), beams: 1, returnSequences: 1 };
    for await (const [token] of generateTokens(model.language, prompt, decoding)) {
      ids.push(token!.id);
      const text = textOf(model.tokenizer, ids).replace(/\uFFFD+$/u, ''); // a letter whose other bytes are still to come
      if (!text.startsWith(told) || text.length === told.length) continue;
      yield text.slice(told.length);
      told = text;
    }
  } finally {
    dispose(prompt);
  }
}

/** What the language model sees of each text's image: [B,Q,W], which the caller owns. */
export function softPromptOf(
  { config, params, instruction }: GenerationParts,
  { features, prompts, imageIndex }: GenerationInput,
): tf.Tensor3D {
  const index = imageIndex ?? prompts.map((_, i) => i);
  return tf.tidy(() => {
    if (instruction) {
      const texts = instructionTensors(prompts, { tokenizer: instruction, textLength: config.maxPositions });
      return instructBlipSoftPrompt(params, config, {
        features,
        imageIndex: tf.tensor1d([...index], 'int32'),
        ...texts,
      });
    }
    const seen = softPrompt(params, config, features); // [I,Q,W]
    return imageIndex ? tf.gather(seen, tf.tensor1d([...imageIndex], 'int32')) : seen;
  });
}

function promptOf(model: GenerationParts, input: GenerationInput) {
  const { config, language, tokenizer, imageToken } = model;
  const { prompts } = input;
  const words = { tokenizer, ids: language.ids, kind: language.kind };
  const rows = prompts.map((text) => promptTokens(text, words));
  const images = imageToken === undefined ? [] : new Array<number>(config.queries).fill(imageToken);
  const { ids, mask } = toIdTensors(padPrompts(rows, words));
  const prompt: Prompt & { [key: string]: tf.Tensor } = {
    softPrompt: softPromptOf(model, input),
    promptIds: ids,
    promptMask: mask,
  };
  const { decoderStart } = language.ids;
  const before = (row: readonly number[]): number[] =>
    language.kind === 'encoder-decoder' ? [decoderStart ?? language.ids.bos] : [...images, ...row];
  return { prompt, history: rows.map(before) };
}

/** Padded tables have rows that no token has: these say nothing. */
function textOf(tokenizer: Tokenizer, ids: readonly number[]): string {
  return tokenizer.decode(ids.filter((id) => tokenizer.token(id) !== undefined)).trim();
}
