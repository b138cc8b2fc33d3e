import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer, type Tokenizer } from '@blip2/data';
import { type Adapter, adapterSpec, project } from '@blip2/llm';
import { lm } from '@blip2/losses';
import { queryOutput } from '@blip2/qformer';
import { type Flat, valueAndGrads } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { type Case, casesOf } from '../blip2/cases.js';
import { decodeBatch, decodeCase } from '../blip2/decoding.js';
import { type ImageTokens, imageTokens } from '../blip2/image-tokens.js';
import { imagesOf } from '../blip2/images.js';
import { interpolated } from '../blip2/interpolated.js';
import { type Language, loadLanguage } from '../blip2/language.js';
import { loadParts, look, type Parts, prefixed } from '../blip2/parts.js';
import type { Checks } from '../checks.js';
import type { Folder } from '../folder.js';
import { numberOf, object, readJson } from '../json.js';

const LANGUAGE = 'language_model.';

/** BLIP-2 with a language model: from images to logits, losses, gradients and texts. */
export async function generation(folder: Folder, checks: Checks): Promise<void> {
  const json = readJson(join(folder.path, 'config.json'));
  const language = await loadLanguage(folder, json, LANGUAGE);
  const { model } = language;
  const parts = await loadParts<Adapter>(folder, json, {
    parts: 'generation',
    more: ({ hiddenSize }) => adapterSpec(hiddenSize, model.width),
  });
  try {
    const tokens = imageTokens(json, parts.config.queries);
    const cases = casesOf(folder, tokens, model.ids.bos);
    const pixels = await imagesOf(folder, checks);
    const softPrompts = await outputs(parts, checks, pixels);
    await checks.section('interpolated', () => interpolated(folder, checks, parts));
    await checks.section('logits', () => logits(cases, checks, { language, softPrompts }));
    await checks.section('losses', () => losses(cases, checks, { language, softPrompts }));
    await checks.section('gradients', () => gradients(folder, checks, { parts, language, pixels, cases }));
    const tokenizer = await tokenizerOf(folder);
    if (tokenizer) prompts(cases, checks, { tokenizer, tokens });
    const decoder = { language, softPrompts, golden: folder.golden, tokenizer };
    for (const one of cases) await checks.section(`decoding.${one.name}`, () => decodeCase(decoder, checks, one));
    const { batch } = folder.golden;
    if (batch) {
      const rows = { batch: object(batch, "'batch'"), tokens };
      await checks.section('batch', () => decodeBatch(decoder, checks, rows));
    }
  } finally {
    parts.dispose();
    model.dispose?.();
  }
}

/** The way of the images to soft prompts [I,Q,W]. */
async function outputs(parts: Parts<Adapter>, checks: Checks, pixels: tf.Tensor4D): Promise<tf.Tensor3D> {
  const features = look(parts, pixels);
  await checks.tensor('vision.last_hidden_state', features);
  const queries = queryOutput(parts.qformer, parts.config, features);
  await checks.tensor('qformer.last_hidden_state', queries);
  const softPrompts = project(parts.qformer, queries);
  await checks.tensor('language_projection', softPrompts);
  return softPrompts;
}

interface Reading {
  readonly language: Language;
  readonly softPrompts: tf.Tensor3D;
}

async function logits(cases: readonly Case[], checks: Checks, { language, softPrompts }: Reading): Promise<void> {
  for (const one of cases) {
    const logits = () => tf.tidy(() => language.logits(one, tf.gather(softPrompts, [one.image])));
    await checks.tensorIfAny(`logits.${one.name}`, logits, language.logitsTolerance);
  }
}

async function losses(cases: readonly Case[], checks: Checks, { language, softPrompts }: Reading): Promise<void> {
  for (const one of cases) {
    if (!('loss' in one.json)) continue;
    const loss = tf.tidy(() => lossOf(language, one, tf.gather(softPrompts, [one.image])));
    checks.numbers(`loss.${one.name}`, [...(await loss.data())], [numberOf(one.json, 'loss')]);
  }
}

/** The mean over the tokens of the golden labels. */
function lossOf(language: Language, one: Case, softPrompt: tf.Tensor): tf.Scalar {
  const { logits, labels } = language.model.predict(language.lesson(one, softPrompt));
  return lm(logits, labels, { shift: false });
}

interface Model {
  readonly parts: Parts<Adapter>;
  readonly language: Language;
  readonly pixels: tf.Tensor4D;
  readonly cases: readonly Case[];
}

/** Of the loss of prompt 1 on image 0, by whichever parameters there are golden gradients of. */
async function gradients(folder: Folder, checks: Checks, { parts, language, pixels, cases }: Model): Promise<void> {
  const names = [...folder.tensors.names.keys()].flatMap((name) => (name.startsWith('grad.') ? [name.slice(5)] : []));
  if (names.length === 0) return;
  const one = cases.find(({ name }) => name === '1.0');
  if (!one) throw new Error("The golden gradients are of prompt 1 on image 0, which is not among the 'cases'.");
  const all: Flat = { ...parts.parameters, ...prefixed(LANGUAGE, language.parameters) };
  const missing = names.filter((name) => !(name in all));
  if (missing.length) throw new Error(`There are golden gradients but no parameters ${missing.join(', ')}.`);
  const trainable = Object.fromEntries(names.map((name) => [name, all[name] as tf.Tensor]));
  const image = tf.slice(pixels, [0, 0, 0, 0], [1, -1, -1, -1]);
  const { grads } = valueAndGrads(() => {
    const queries = queryOutput(parts.qformer, parts.config, look(parts, image));
    return { total: lossOf(language, one, project(parts.qformer, queries)) };
  }, trainable);
  await checks.gradients(grads);
}

/** Prompts as ids, image tokens first. */
function prompts(
  cases: readonly Case[],
  checks: Checks,
  { tokenizer, tokens }: { tokenizer: Tokenizer; tokens: ImageTokens },
): void {
  for (const { name, prompt, json, whole } of cases) {
    if (json.input_ids) checks.ids(`input_ids.${name}`, [...tokens.ids, ...tokenizer.encode(prompt)], whole);
  }
}

async function tokenizerOf(folder: Folder): Promise<Tokenizer | undefined> {
  return existsSync(join(folder.path, 'tokenizer.json')) ? loadTokenizer(folder.path) : undefined;
}
