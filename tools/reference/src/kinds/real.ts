import { loadTokenizer } from '@blip2/data';
import { type DecodingOptions, generate, languageConfig, loadLanguage, type SyncLanguageModel } from '@blip2/llm';
import { lm } from '@blip2/losses';
import { bertConfig, fromBert, qformerConfig, textPass } from '@blip2/qformer';
import { dispose, valueAndGrads } from '@blip2/tensor';
import { openWeights, readConfigJson } from '@blip2/tensor/files';
import { cachedRealModels, downloadRealModels } from '@blip2/test-models';
import * as tf from '@tensorflow/tfjs';
import type { Checks } from '../checks.js';
import type { Folder } from '../folder.js';
import { type Json, numberOf, numbersOf, object, objectsOf, rowsOf, textsOf } from '../json.js';

/** Real models: the hidden states of a BERT from safetensors, and what a language model from GGUF gives. */
export async function real(folder: Folder, checks: Checks): Promise<void> {
  const { minilm, smollm2 } = cachedRealModels() ?? (await downloadRealModels());
  await checks.section('minilm', () => bert(folder, checks, minilm));
  await checks.section('smollm2', () => language(folder, checks, smollm2));
}

/** The text branch of a Q-Former that starts from a BERT computes what the BERT does. */
async function bert({ golden }: Folder, checks: Checks, path: string): Promise<void> {
  const facts = object(golden.minilm, "'minilm'");
  const tokenizer = await loadTokenizer(path);
  const [ids, masks] = [rowsOf(facts, 'input_ids'), rowsOf(facts, 'attention_mask')];
  for (const [i, text] of textsOf(facts, 'texts').entries()) {
    const length = (masks[i] ?? []).filter((one) => one === 1).length;
    checks.ids(`minilm.input_ids.${i}`, tokenizer.encode(text), (ids[i] ?? []).slice(0, length));
  }
  const source = await openWeights(path);
  const sizes = bertConfig(source, await readConfigJson(path));
  const config = qformerConfig({}, { ...sizes, queries: 1, encoderWidth: 8, projectionSize: 8 });
  const params = await fromBert(config, source, { seed: 0, tokenType: true });
  await source.close();
  const inputs = { ids: tf.tensor2d(ids, undefined, 'int32'), mask: tf.tensor2d(masks, undefined, 'int32') };
  await checks.tensor('minilm.last_hidden_state', textPass(params, config, inputs));
  dispose(params);
}

/** All weights unpacked, since the reference computes with those; then packed as they are. */
async function language(folder: Folder, checks: Checks, path: string): Promise<void> {
  const tokenizer = await loadTokenizer(path);
  const cases = objectsOf(folder.golden, 'smollm2');
  for (const [i, one] of cases.entries()) {
    checks.ids(`smollm2.input_ids.${i}`, tokenizer.encode(String(one.prompt)), numbersOf(one, 'input_ids') ?? []);
    checks.text(
      `smollm2.text.${i}`,
      tokenizer.decode(numbersOf(one, 'greedy') ?? [], SPELLED),
      String(one.greedy_text),
    );
  }
  const unpacked = await load(path, false);
  for (const [i, one] of cases.entries()) {
    await checks.tensor(`smollm2.logits_last.${i}`, tf.squeeze(lastLogits(unpacked, one)));
    const greedy = { maxNewTokens: 24 };
    checks.ids(`smollm2.greedy.${i}`, await whole(unpacked, one, greedy), numbersOf(one, 'greedy') ?? []);
    const beams = { maxNewTokens: 16, beams: 4 };
    checks.ids(`smollm2.beam4.${i}`, await whole(unpacked, one, beams), numbersOf(one, 'beam4') ?? []);
  }
  await checks.section('smollm2.prefix', () => prefix(folder, checks, unpacked));
  unpacked.dispose();
  await checks.section('smollm2.packed', async () => {
    const packed = await load(path, true);
    for (const [i, one] of cases.entries()) {
      const logits = await lastLogits(packed, one).data();
      const expected = await folder.tensors.read(`smollm2.logits_last.${i}`);
      checks.numbers(`smollm2.packed.logits_last.${i}`, [...logits], [...expected], byEightBits);
    }
    packed.dispose();
  });
}

const SPELLED = { skipSpecialTokens: false };

/** Backends may round activations to 8 bits for the products with packed weights. */
const byEightBits = (largest: number): number => 0.05 * largest;

async function load(path: string, packed: boolean): Promise<SyncLanguageModel> {
  const source = await openWeights(path);
  try {
    const config = languageConfig(await readConfigJson(path));
    return await loadLanguage(packed ? source : { ...source, quantized: undefined }, config);
  } finally {
    await source.close();
  }
}

const row = (ids: readonly number[]): tf.Tensor2D => tf.tensor2d([...ids], [1, ids.length], 'int32');

function lastLogits(model: SyncLanguageModel, one: Json): tf.Tensor {
  return tf.tidy(() => {
    const state = model.start({ promptIds: row(numbersOf(one, 'input_ids') ?? []) });
    const logits = state.logits.clone();
    state.dispose();
    return logits;
  });
}

async function whole(model: SyncLanguageModel, one: Json, options: DecodingOptions): Promise<number[]> {
  const before = numbersOf(one, 'input_ids') ?? [];
  const [[best] = []] = await generate(model, { promptIds: row(before) }, options);
  return [...before, ...(best?.ids ?? [])];
}

/** The caption loss over all its tokens after a soft prompt, and its gradient. */
async function prefix(folder: Folder, checks: Checks, model: SyncLanguageModel): Promise<void> {
  const facts = object(folder.golden.smollm2_prefix, "'smollm2_prefix'");
  checks.input('smollm2.prefix');
  const softPrompt = await folder.tensor<tf.Tensor3D>('smollm2.prefix');
  const targetIds = row(numbersOf(facts, 'input_ids') ?? []);
  const { terms, grads } = valueAndGrads(
    () => {
      const { logits, labels } = model.predict({ softPrompt, targetIds });
      return { total: lm(logits, labels, { shift: false }) };
    },
    { prefix: softPrompt },
  );
  checks.numbers('smollm2.prefix.loss', [...(await terms.total.data())], [numberOf(facts, 'loss')]);
  await checks.gradient('smollm2.prefix_grad', grads.prefix as tf.Tensor);
}
