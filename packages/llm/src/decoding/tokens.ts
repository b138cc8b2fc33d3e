import type { Rng } from '@blip2/tensor';
import type { LanguageModel, Prompt } from '../language-model.js';
import { draw, rngOf } from './draw.js';
import { type DecodingOptions, historyOf, settingsOf } from './options.js';
import { logSoftmax, penalize } from './scores.js';
import { throwIfAborted } from './throw-if-aborted.js';
import { warp } from './warp.js';

/** A generated token. */
export interface Token {
  /** Row of the prompt. */
  readonly row: number;
  /** Index of the text among those of the row, below `returnSequences`. */
  readonly sequence: number;
  readonly id: number;
  /** Its log-probability after penalties and the filters of sampling. */
  readonly logProbability: number;
}

/** A text that is being generated. */
interface Text extends Pick<Token, 'row' | 'sequence'> {
  readonly ids: number[];
  readonly history: readonly number[];
  readonly random: Rng;
}

/**
 * Streams greedy search or sampling: yields the new tokens of all texts that have not ended, as soon as they are known. Texts
 * that have ended leave the batch. Leaving the loop early frees everything.
 * @throws for invalid options, and the signal's reason when it is aborted
 */
export async function* generateTokens(
  model: LanguageModel,
  prompt: Prompt,
  options: Omit<DecodingOptions, 'beams'> = {},
): AsyncGenerator<Token[], void, undefined> {
  const settings = settingsOf(model, { ...options, beams: 1 });
  const { returnSequences, seed, sample, eosIds, maxNewTokens, signal } = settings;
  signal?.throwIfAborted();
  const state = await model.start(prompt);
  try {
    const total = state.rows;
    let running = Array.from({ length: total * returnSequences }, (_, i): Text => {
      const [row, sequence] = [Math.floor(i / returnSequences), i % returnSequences];
      return { row, sequence, ids: [], history: historyOf(settings, row, total), random: rngOf(seed, sequence) };
    });
    if (returnSequences > 1) await state.reorder(running.map(({ row }) => row));
    for (let length = 1; ; length++) {
      const logits = (await state.logits.data()) as Float32Array;
      await throwIfAborted(signal);
      const V = logits.length / running.length;
      const tokens = running.map(({ row, sequence, ids, history, random }, i): Token => {
        const scores = penalize(logits.slice(i * V, (i + 1) * V), ids, { history, settings });
        const best = indexOfLargest(scores);
        const logs = logSoftmax(sample ? warp(scores, settings) : scores);
        const id = sample ? draw(logs, random) : best;
        ids.push(id);
        return { row, sequence, id, logProbability: logs[id] as number };
      });
      yield tokens;
      const open = running.flatMap((_, i) => (eosIds.includes((tokens[i] as Token).id) ? [] : [i]));
      if (open.length === 0 || length === maxNewTokens) return;
      signal?.throwIfAborted();
      if (open.length < running.length) {
        await state.reorder(open);
        running = open.map((i) => running[i] as Text);
      }
      await state.step(running.map(({ ids }) => ids.at(-1) as number));
    }
  } finally {
    state.dispose();
  }
}

function indexOfLargest(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  return best;
}
