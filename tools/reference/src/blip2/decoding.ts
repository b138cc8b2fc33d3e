import type { Tokenizer } from '@blip2/data';
import { type DecodingOptions, generate, padded } from '@blip2/llm';
import * as tf from '@tensorflow/tfjs';
import type { Checks } from '../checks.js';
import { type Json, numberOf, numbersOf, rowsOf, textsOf } from '../json.js';
import type { Case } from './cases.js';
import type { ImageTokens } from './image-tokens.js';
import type { Language } from './language.js';

/** How the golden texts were made; each also has at most `max_new_tokens`, 12 where golden.json does not say. */
export const recipes: Readonly<Record<string, DecodingOptions>> = {
  greedy: {},
  beam: { beams: 5, lengthPenalty: 1 },
  beam_lp: { beams: 3, lengthPenalty: -1, repetitionPenalty: 1.5 },
  beam_min: { beams: 4, lengthPenalty: 2, minNewTokens: 5, returnSequences: 2 },
};

export interface Decoder {
  readonly language: Language;
  /** [I,Q,W] of all images. */
  readonly softPrompts: tf.Tensor;
  readonly tokenizer: Tokenizer | undefined;
  readonly golden: Json;
}

/** Every text that golden.json holds of a case: ids, scores and the text itself. */
export async function decodeCase(decoder: Decoder, checks: Checks, one: Case): Promise<void> {
  const { language, softPrompts, tokenizer, golden } = decoder;
  const { model } = language;
  const before = language.begin(one.whole);
  const prompt = {
    softPrompt: tf.gather(softPrompts, [one.image]),
    promptIds: tf.tensor2d([...one.text], [1, one.text.length], 'int32'),
  };
  const maxNewTokens = numberOf(golden, 'max_new_tokens', 12);
  for (const [recipe, options] of Object.entries(recipes)) {
    const expected = numbersOf(one.json, recipe);
    if (!expected) continue;
    const [sequences = []] = await generate(model, prompt, { maxNewTokens, history: [before], ...options });
    const found = sequences.map(({ ids }) => [...before, ...ids]);
    checks.ids(`${recipe}.${one.name}`, found[0] ?? [], expected);
    const all = `${recipe}_all`;
    if (all in one.json) {
      const rows = padded(rowsOf(one.json, all), model.ids.pad);
      checks.ids(`${all}.${one.name}`, padded(found, model.ids.pad).flat(), rows.flat());
    }
    const scores = numbersOf(one.json, `${recipe}_scores`);
    if (scores)
      checks.numbers(
        `${recipe}_scores.${one.name}`,
        sequences.map(({ score }) => score),
        scores,
      );
    const text = one.json[`${recipe}_text`];
    if (tokenizer && typeof text === 'string') {
      checks.text(`${recipe}_text.${one.name}`, strip(tokenizer.decode(found[0] ?? [])), strip(text));
    }
  }
}

/** Several prompts at once, padded as Hugging Face's processor does. */
export async function decodeBatch(
  decoder: Decoder,
  checks: Checks,
  { batch, tokens }: { batch: Json; tokens: ImageTokens },
) {
  const { language, softPrompts, golden } = decoder;
  const { model } = language;
  const images = textsOf(golden, 'images');
  const order = textsOf(batch, 'images').map((name) => images.indexOf(name));
  const whole = rowsOf(batch, 'input_ids');
  const skip = tokens.count(whole[0] ?? []);
  const columns = (rows: number[][]): tf.Tensor =>
    tf.tensor2d(
      rows.map((row) => row.slice(skip)),
      undefined,
      'int32',
    );
  const prompt = {
    softPrompt: tf.gather(softPrompts, order),
    promptIds: columns(whole),
    promptMask: columns(rowsOf(batch, 'attention_mask')),
  };
  const maxNewTokens = numberOf(golden, 'max_new_tokens', 12);
  const before = whole.map((ids) => language.begin(ids));
  for (const [recipe, options] of Object.entries(recipes)) {
    if (!(recipe in batch)) continue;
    const made = await generate(model, prompt, { maxNewTokens, history: before, ...options });
    const found = made.map(([best], i) => [...(before[i] ?? []), ...(best?.ids ?? [])]);
    const { pad } = model.ids;
    checks.ids(`batch.${recipe}`, padded(found, pad).flat(), padded(rowsOf(batch, recipe), pad).flat());
  }
}

/** What Python's `strip` does, which golden texts went through: it takes separators for white space as well. */
export function strip(text: string): string {
  const white = (i: number): boolean => {
    const code = text.charCodeAt(i);
    return /\s/.test(text.charAt(i)) || (code >= 0x1c && code <= 0x1f) || code === 0x85;
  };
  let [begin, end] = [0, text.length];
  while (begin < end && white(begin)) begin++;
  while (begin < end && white(end - 1)) end--;
  return text.slice(begin, end);
}
