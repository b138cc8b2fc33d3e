import { join } from 'node:path';
import { padded } from '@blip2/llm';
import { type GenerationModel, generateText, loadFolder, softPromptOf } from '@blip2/models';
import { dispose } from '@blip2/tensor';
import { normFeatures } from '@blip2/training';
import { encodePixels } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { type Case, casesOf } from '../blip2/cases.js';
import { recipes, strip } from '../blip2/decoding.js';
import { imageTokens } from '../blip2/image-tokens.js';
import { imagesOf } from '../blip2/images.js';
import type { Checks } from '../checks.js';
import type { Folder } from '../folder.js';
import { type Json, numberOf, numbersOf, object, readJson, rowsOf, textsOf } from '../json.js';

interface Held {
  readonly model: GenerationModel;
  /** [I,N,D] of the golden pixels. */
  readonly features: tf.Tensor3D;
  readonly golden: Json;
}

/** InstructBLIP: from images and instructions to soft prompts and texts. */
export async function instruct(folder: Folder, checks: Checks): Promise<void> {
  using model = (await loadFolder(folder.path)) as GenerationModel;
  const pixels = await imagesOf(folder, checks);
  const features = await encodePixels(model.vision, pixels);
  const normed = normFeatures(model.params, features);
  await checks.tensor('vision.last_hidden_state', normed);
  const tokens = imageTokens(readJson(join(folder.path, 'config.json')), model.config.queries);
  const held = { model, features, golden: folder.golden };
  for (const one of casesOf(folder, tokens, model.language.ids.bos)) {
    checks.ids(`input_ids.${one.name}`, [...tokens.ids, ...model.tokenizer.encode(one.prompt)], one.whole);
    const words = model.instruction?.encode(one.prompt) ?? [];
    checks.ids(`qformer_input_ids.${one.name}`, words, numbersOf(one.json, 'qformer_input_ids') ?? []);
    const seen = softPromptOf(model, { features, prompts: [one.prompt], imageIndex: [one.image] });
    await checks.tensorIfAny(`language_projection.${one.name}`, () => seen);
    await checks.section(`decoding.${one.name}`, () => texts(held, checks, one));
    seen.dispose();
  }
  await checks.section('batch', () => together(held, checks));
  dispose({ pixels, features, normed });
}

/** What golden ids begin with: of a decoder alone the whole prompt, of an encoder with a decoder the start. */
const begins = ({ language }: GenerationModel, whole: readonly number[]): readonly number[] =>
  language.kind === 'decoder' ? whole : [language.ids.decoderStart ?? language.ids.bos];

/** Every text that golden.json holds of a case. */
async function texts({ model, features, golden }: Held, checks: Checks, one: Case): Promise<void> {
  const image = tf.slice(features, [one.image, 0, 0], [1, -1, -1]);
  const begin = begins(model, one.whole);
  const decodes = model.language.kind === 'decoder'; // golden texts then begin with the prompt
  const maxNewTokens = numberOf(golden, 'max_new_tokens', 12);
  for (const [recipe, options] of Object.entries(recipes)) {
    const expected = numbersOf(one.json, recipe);
    if (!expected) continue;
    const input = { features: image, prompts: [one.prompt] };
    const [said = []] = await generateText(model, input, { maxNewTokens, ...options });
    checks.ids(`${recipe}.${one.name}`, [...begin, ...(said[0]?.tokens ?? [])], expected);
    const all = `${recipe}_all`;
    if (all in one.json) {
      const { pad } = model.language.ids;
      const rows = said.map(({ tokens }) => [...begin, ...tokens]);
      checks.ids(`${all}.${one.name}`, padded(rows, pad).flat(), padded(rowsOf(one.json, all), pad).flat());
    }
    const scores = numbersOf(one.json, `${recipe}_scores`);
    const found = said.map(({ score }) => score);
    if (scores) checks.numbers(`${recipe}_scores.${one.name}`, found, scores);
    const text = one.json[`${recipe}_text`];
    const made = decodes ? model.tokenizer.decode([...begin, ...(said[0]?.tokens ?? [])]) : (said[0]?.text ?? '');
    if (typeof text === 'string') checks.text(`${recipe}_text.${one.name}`, strip(made), strip(text));
  }
  image.dispose();
}

/** Several images and instructions at once, padded. */
async function together({ model, features, golden }: Held, checks: Checks): Promise<void> {
  if (!golden.batch) return;
  const batch = object(golden.batch, "'batch'");
  const imageIndex = textsOf(batch, 'images').map((name) => textsOf(golden, 'images').indexOf(name));
  const said = await generateText(
    model,
    { features, prompts: textsOf(batch, 'prompts'), imageIndex },
    { maxNewTokens: 12 },
  );
  const rows = rowsOf(batch, 'greedy');
  const { pad } = model.language.ids;
  const before = 'input_ids' in batch ? rowsOf(batch, 'input_ids') : [];
  const found = said.map(([best], i) => {
    const ids = [...begins(model, before[i] ?? []), ...(best?.tokens ?? [])];
    return [...ids, ...new Array<number>(Math.max(0, (rows[i]?.length ?? 0) - ids.length)).fill(pad)];
  });
  checks.ids('batch.greedy', found.flat(), rows.flat());
}
