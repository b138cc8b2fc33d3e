import { type Tokenizer, toIdTensors } from '@blip2/data';
import { generate, generateTokens, type Prompt } from '@blip2/llm';
import { dispose } from '@blip2/tensor';
import { instructBlipSoftPrompt, instructionTensors, padPrompts, promptTokens, softPrompt } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import type { GenerationModel } from '../folder/loaded-model.js';
import { decodingOptions, type GenerationOptions } from './decoding.js';

/** The parts of a generation model that generate text; a model in training has them too. */
export type GenerationParts = Pick<
  GenerationModel,
  'config' | 'params' | 'language' | 'tokenizer' | 'imageToken' | 'instruction'
>;

/** A generated text. */
export interface Generation {
  /** The text without the prompt and without special tokens. */
  readonly text: string;
  /** The new ids, including the one that ended the text. */
  readonly tokens: number[];
  /** The sum of the log-probabilities of the new ids, divided by their number to the power of the length penalty. */
  readonly score: number;
}

/** Encoded images and the prompts of texts about them. */
export interface GenerationInput {
  /** Features [I,N,D] of the image encoder. */
  readonly features: tf.Tensor3D;
  /** The beginning of each text. */
  readonly prompts: readonly string[];
  /** For each text, the index of its image in `features`. Default: text i is about image i. */
  readonly imageIndex?: readonly number[];
}

/**
 * Generates texts about images: for each prompt `returnSequences` texts, best first. The Q-Former runs once per image.
 *
 * The ids before the new ones are, as in transformers, one image token per query, BOS and the prompt; the repetition
 * penalty counts all of them. The decoder of an encoder-decoder begins with its start token.
 */
export async function generateText(
  model: GenerationParts,
  input: GenerationInput,
  options: GenerationOptions = {},
): Promise<Generation[][]> {
  expectPositions(model, input.prompts, options);
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

/** The number of new tokens where the options do not say it, as in `DecodingOptions`. */
const NEW_TOKENS = 20;

/** @throws where queries, prompt and new tokens may be more than the positions of the language model */
export function expectPositions(
  { config: { queries }, language, tokenizer }: Pick<GenerationParts, 'config' | 'language' | 'tokenizer'>,
  prompts: readonly string[],
  { maxNewTokens = NEW_TOKENS }: GenerationOptions,
): void {
  const { maxPositions, ids, kind } = language;
  if (maxPositions === undefined) return;
  const longest = Math.max(0, ...prompts.map((text) => promptTokens(text, { tokenizer, ids, kind }).length));
  const most = maxPositions - queries - longest + 1; // the last new token is not read
  if (maxNewTokens <= most) return;
  const remedy =
    most > 0 ? `lower maxNewTokens (--max-new-tokens) to ${most} or less` : 'shorten the prompt or the history';
  throw new Error(
    `The language model has ${maxPositions} positions, too few for ${queries} queries, ${longest} tokens of the prompt and maxNewTokens ${maxNewTokens}; ${remedy}.`,
  );
}

/** Options of `streamText`: those of `generateText` without beams and number of texts. */
export interface StreamOptions extends Omit<GenerationOptions, 'beams' | 'returnSequences'> {
  /** Called with the id of each new token, also of one that gives no piece yet. */
  readonly onToken?: ((id: number) => void) | undefined;
}

/**
 * Generates one text about one image by greedy search or sampling, and yields its pieces as they are generated.
 * @param input `features` [1,N,D] of the image encoder, and the prompt
 */
export async function* streamText(
  model: GenerationParts,
  input: { features: tf.Tensor3D; prompt: string },
  { onToken, ...options }: StreamOptions = {},
): AsyncGenerator<string, void, undefined> {
  const { features } = input;
  expectPositions(model, [input.prompt], options);
  const { prompt, history } = promptOf(model, { features, prompts: [input.prompt] });
  try {
    const ids: number[] = [];
    let streamed = '';
    const decoding = { ...decodingOptions(model, options, history), beams: 1, returnSequences: 1 };
    for await (const [token] of generateTokens(model.language, prompt, decoding)) {
      ids.push(token!.id);
      onToken?.(token!.id);
      const text = textOf(model.tokenizer, ids).replace(/\uFFFD+$/u, ''); // a character whose other bytes are still to come
      if (!text.startsWith(streamed) || text.length === streamed.length) continue;
      yield text.slice(streamed.length);
      streamed = text;
    }
  } finally {
    dispose(prompt);
  }
}

/**
 * Computes the soft prompt of each text: the queries' output, projected to the language model's width.
 * @returns [B,Q,W], which the caller disposes
 */
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
    const perImage = softPrompt(params, config, features); // [I,Q,W]
    return imageIndex ? tf.gather(perImage, tf.tensor1d([...imageIndex], 'int32')) : perImage;
  });
}

function promptOf(model: GenerationParts, input: GenerationInput) {
  const { config, language, tokenizer, imageToken } = model;
  const { prompts } = input;
  const promptTokenizer = { tokenizer, ids: language.ids, kind: language.kind };
  const rows = prompts.map((text) => promptTokens(text, promptTokenizer));
  const imageTokens = imageToken === undefined ? [] : new Array<number>(config.queries).fill(imageToken);
  const { ids, mask } = toIdTensors(padPrompts(rows, promptTokenizer));
  const prompt: Prompt & { [key: string]: tf.Tensor } = {
    softPrompt: softPromptOf(model, input),
    promptIds: ids,
    promptMask: mask,
  };
  const { decoderStart } = language.ids;
  const before = (row: readonly number[]): number[] =>
    language.kind === 'encoder-decoder' ? [decoderStart ?? language.ids.bos] : [...imageTokens, ...row];
  return { prompt, history: rows.map(before) };
}

/** Decodes ids, without those of the rows that pad the vocabulary. */
function textOf(tokenizer: Tokenizer, ids: readonly number[]): string {
  return tokenizer.decode(ids.filter((id) => tokenizer.token(id) !== undefined)).trim();
}
