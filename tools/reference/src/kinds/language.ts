import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type DecodingOptions,
  generate,
  languageConfig,
  loadLanguage,
  type Prompt,
  padded,
  type Sequence,
  type SyncLanguageModel,
} from '@blip2/llm';
import { lm } from '@blip2/losses';
import { valueAndGrads } from '@blip2/tensor';
import { readConfigJson, readGenerationJson } from '@blip2/tensor/files';
import * as tf from '@tensorflow/tfjs';
import type { Checks } from '../checks.js';
import { type Folder, GGUF } from '../folder.js';
import { type Json, numberOf, numbersOf, object, objectsOf, rowsOf } from '../json.js';

/** A decoder-only language model by itself: logits, loss and gradient after a soft prompt, and texts, alone and in a batch. */
export async function language(folder: Folder, checks: Checks): Promise<void> {
  const gguf = join(folder.path, GGUF);
  const at = existsSync(gguf) ? gguf : folder.path;
  const config = languageConfig(await readConfigJson(at), await readGenerationJson(at));
  const model = await loadLanguage(folder.model, config);
  try {
    checks.input('soft_prompt');
    const soft = await folder.tensor<tf.Tensor3D>('soft_prompt'); // [B,Q,W]
    await checks.section('logits', () => taught(folder, checks, { model, soft }));
    await checks.section('texts', () => texts(folder.golden, checks, { model, soft }));
  } finally {
    model.dispose();
  }
}

interface Held {
  readonly model: SyncLanguageModel;
  readonly soft: tf.Tensor3D;
}

async function taught({ golden }: Folder, checks: Checks, { model, soft }: Held): Promise<void> {
  const targetIds = tf.tensor2d(rowsOf(golden, 'target_ids'), undefined, 'int32');
  const { logits } = model.predict({ softPrompt: soft, targetIds });
  await checks.tensor('logits', logits);
  const { terms, grads } = valueAndGrads(
    () => {
      const { logits, labels } = model.predict({ softPrompt: soft, targetIds });
      return { total: lm(logits, labels, { shift: false }) };
    },
    { soft_prompt: soft },
  );
  checks.numbers('loss', [...(await terms.total.data())], [numberOf(golden, 'loss')]);
  await checks.gradients(grads);
}

async function texts(golden: Json, checks: Checks, { model, soft }: Held): Promise<void> {
  const prompts = objectsOf(golden, 'prompts');
  const maxNewTokens = 12;
  for (const [row, one] of prompts.entries()) {
    const ids = numbersOf(one, 'prompt_ids') ?? [];
    const prompt = { softPrompt: tf.gather(soft, [row]), promptIds: tf.tensor2d(ids, [1, ids.length], 'int32') };
    const greedy = await best(model, prompt, { maxNewTokens });
    checks.ids(`greedy.${row}`, greedy.ids, numbersOf(one, 'greedy') ?? []);
    const beam = await best(model, prompt, { maxNewTokens, beams: 4 });
    checks.ids(`beam.${row}`, beam.ids, numbersOf(one, 'beam') ?? []);
    checks.numbers(`beam_score.${row}`, [beam.score], [numberOf(one, 'beam_score')]);
  }
  const rows = prompts.map((one) => numbersOf(one, 'prompt_ids') ?? []);
  const length = Math.max(...rows.map((ids) => ids.length));
  const filled = (value: (ids: number[], column: number) => number): tf.Tensor2D =>
    tf.tensor2d(
      rows.map((ids) => Array.from({ length }, (_, i) => value(ids, i - length + ids.length))),
      undefined,
      'int32',
    );
  const promptIds = filled((ids, i) => ids[i] ?? model.ids.pad);
  const promptMask = filled((ids, i) => (ids[i] === undefined ? 0 : 1));
  const made = await generate(model, { softPrompt: soft, promptIds, promptMask }, { maxNewTokens });
  const found = padded(
    made.map(([best]) => best?.ids ?? []),
    model.ids.pad,
  );
  const expected = padded(rowsOf(object(golden.padded, "'padded'"), 'greedy'), model.ids.pad);
  checks.ids('padded.greedy', found.flat(), expected.flat());
}

async function best(model: SyncLanguageModel, prompt: Prompt, options: DecodingOptions): Promise<Sequence> {
  const [[sequence] = []] = await generate(model, prompt, options);
  if (!sequence) throw new Error('Nothing was generated.');
  return sequence;
}
