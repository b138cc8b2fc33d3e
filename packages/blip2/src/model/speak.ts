import { padBatch, type Tokenizer, toIdTensors } from '@blip2/data';
import { type DecodingOptions, generate, greedyTokens, type Prompt } from '@blip2/llm';
import { dispose } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';
import { softPrompt } from '../stages/stage2.js';
import type { GenerationModel } from './loaded.js';

/** What speaking needs of a model; one still in training has it too. */
export type Speaker = Pick<GenerationModel, 'config' | 'params' | 'language' | 'tokenizer' | 'imageToken'>;

/** How a text is searched for; `history` is the model's own. */
export type SpeakOptions = Omit<DecodingOptions, 'history' | 'returnSequences'>;

/** A text that was made. */
export interface Spoken {
  /** Without the prompt and without special tokens. */
  readonly text: string;
  /** The new ids, the one that ended the text included. */
  readonly tokens: number[];
  /** The log-probability of the new ids, divided by their number to the power of the length penalty. */
  readonly score: number;
}

/**
 * Texts about pictures: features [B,N,D] of the image encoder and a prompt for each.
 * The ids before the new ones are, as in Hugging Face, one image token a query, BOS and the prompt; the repetition
 * penalty counts them all (specification, section 3.6).
 */
export async function speak(
  model: Speaker,
  input: { features: tf.Tensor3D; prompts: readonly string[] },
  options: SpeakOptions = {},
): Promise<Spoken[]> {
  const { prompt, history } = promptOf(model, input);
  try {
    const rows = await generate(model.language, prompt, { ...options, history });
    return rows.map(([best]) => {
      const { ids, score } = best!;
      return { text: textOf(model.tokenizer, ids), tokens: ids, score };
    });
  } finally {
    dispose(prompt);
  }
}

/** The same for one picture, greedily and piece by piece, as soon as the pieces are there. */
export async function* speakPieces(
  model: Speaker,
  input: { features: tf.Tensor3D; prompt: string },
  options: Omit<SpeakOptions, 'beams'> = {},
): AsyncGenerator<string, void, undefined> {
  const { features } = input;
  const { prompt, history } = promptOf(model, { features, prompts: [input.prompt] });
  try {
    const ids: number[] = [];
    let told = '';
    for await (const [token] of greedyTokens(model.language, prompt, { ...options, history })) {
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

function promptOf(model: Speaker, { features, prompts }: { features: tf.Tensor3D; prompts: readonly string[] }) {
  const { config, params, language, tokenizer, imageToken } = model;
  const rows = prompts.map((text) => (text === '' ? [language.ids.bos] : tokenizer.encode(text)));
  const images = imageToken === undefined ? [] : new Array<number>(config.queries).fill(imageToken);
  const { ids, mask } = toIdTensors(padBatch(rows, { pad: language.ids.pad, side: 'left' }));
  const prompt: Prompt & { [key: string]: tf.Tensor } = {
    softPrompt: softPrompt(params, config, features),
    promptIds: ids,
    promptMask: mask,
  };
  return { prompt, history: rows.map((row) => [...images, ...row]) };
}

/** Padded tables have rows that no token has: these say nothing. */
function textOf(tokenizer: Tokenizer, ids: readonly number[]): string {
  return tokenizer.decode(ids.filter((id) => tokenizer.token(id) !== undefined)).trim();
}
