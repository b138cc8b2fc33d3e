import type { Rng } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { LanguageModel, Prompt } from '../language-model.js';
import { beamRules } from './beam-rules.js';
import { bestCandidates, drawnCandidates } from './candidates.js';
import { rngOf } from './draw.js';
import { type DecodingOptions, historyOf, type Sequence, type Settings, settingsOf } from './options.js';
import { expectFinite, penalize } from './scores.js';
import { throwIfAborted } from './throw-if-aborted.js';
import { Top } from './top.js';
import { warp } from './warp.js';

/** A text that is being generated. */
interface Beam {
  readonly ids: readonly number[];
  /** Sum of the penalized log-probabilities. */
  readonly sum: number;
  /** Its row of the decoding state. */
  readonly row: number;
}

/** The search for the texts of one row of the batch. */
interface Search {
  readonly history: readonly number[];
  readonly finished: Top<readonly number[]>;
  readonly random: Rng;
  running: Beam[];
}

/**
 * Runs beam search as transformers does: scores are penalized log-probabilities; of the best
 * (1 + number of EOS ids) × beams candidates those that end are finished if they are among the first `beams`, and the
 * best others continue; at `maxNewTokens` all end. With `sample` the candidates are drawn.
 * @returns for each row its `returnSequences` best texts, best first
 */
export async function beamSearch(
  model: LanguageModel,
  prompt: Prompt,
  options: DecodingOptions = {},
): Promise<Sequence[][]> {
  const settings = settingsOf(model, options);
  settings.signal?.throwIfAborted();
  const state = await model.start(prompt);
  try {
    const total = state.rows;
    const searches = Array.from(
      { length: total },
      (_, row): Search => ({
        history: historyOf(settings, row, total),
        finished: new Top(settings.beams),
        random: rngOf(settings.seed),
        running: [{ ids: [], sum: 0, row }],
      }),
    );
    for (let length = 1; ; length++) {
      const logs = await logProbabilities(state.logits);
      await throwIfAborted(settings.signal);
      const V = logs.length / state.rows;
      for (const search of searches) {
        if (search.running.length > 0)
          advance(search, { settings, length, logsOf: (row) => logs.subarray(row * V, (row + 1) * V) });
      }
      const beams = searches.flatMap(({ running }) => running);
      if (beams.length === 0) break;
      const parents = beams.map(({ row }) => row);
      if (parents.length !== state.rows || parents.some((row, i) => row !== i)) await state.reorder(parents);
      await state.step(beams.map(({ ids }) => ids.at(-1) as number));
      let row = 0;
      for (const search of searches) search.running = search.running.map((beam) => ({ ...beam, row: row++ }));
    }
    return searches.map(({ finished }) =>
      finished.items.slice(0, settings.returnSequences).map(({ score, value }) => ({ ids: [...value], score })),
    );
  } finally {
    state.dispose();
  }
}

/** Log-probabilities [rows,V] of logits, computed by the backend, for a row is as long as the vocabulary. */
async function logProbabilities(logits: tf.Tensor2D): Promise<Float32Array> {
  const logs = tf.logSoftmax(logits);
  try {
    return (await logs.data()) as Float32Array;
  } finally {
    logs.dispose();
  }
}

interface Turn {
  readonly settings: Settings;
  /** Number of new tokens of each beam after this turn. */
  readonly length: number;
  /** [V], to be written to. */
  logsOf(row: number): Float32Array;
}

/** Appends one token to the beams of a search; no beam is running when it has ended. */
function advance(search: Search, { settings, length, logsOf }: Turn): void {
  const { beams, eosIds, lengthPenalty, maxNewTokens, sample } = settings;
  const { start, cut, endedMayWin, drawn } = beamRules[settings.beamRules];
  const scored = search.running.map(({ row, ids, sum }) => {
    const scores = penalize(expectFinite(logsOf(row)), ids, { history: search.history, settings });
    return { sum, scores: sample ? warp(scores, settings) : scores };
  });
  const count = Math.max(2, 1 + eosIds.length) * beams;
  const candidates = sample ? drawnCandidates(scored, count, search.random) : bestCandidates(scored, count);
  if (sample && drawn === 'best') candidates.sort((a, b) => b.sum - a.sum);
  if (candidates.length === 0) throw new Error('No token is left to say; suppress fewer ids, or allow an earlier end.');
  const finish = (sum: number, ids: readonly number[], counted: number): void =>
    search.finished.add(sum / counted ** lengthPenalty, ids);

  const last = length === maxNewTokens;
  const open: Beam[] = [];
  candidates.forEach(({ beam, id, sum }, rank) => {
    const { ids: before, row } = search.running[beam] as Beam;
    const ids = [...before, id];
    if (eosIds.includes(id) || (last && cut === 'best')) {
      if (rank < beams) finish(sum, ids, length);
    } else {
      open.push({ ids, sum, row });
    }
  });
  const running = open.sort((a, b) => b.sum - a.sum).slice(0, beams);
  const best = endedMayWin ? candidates[0] : running[0];
  const on = best !== undefined && goesOn(search.finished, best.sum, { settings, length: length + start, start });
  if (on && last) for (const { sum, ids } of running) finish(sum, ids, length + start);
  search.running = on && !last ? running : [];
}

/** Whether the best candidate may still bring something. */
function goesOn(
  finished: Search['finished'],
  best: number,
  { settings, length, start }: { settings: Settings; length: number; start: number },
): boolean {
  if (!finished.full) return true;
  const { earlyStopping, lengthPenalty, maxNewTokens } = settings;
  if (earlyStopping === true) return false;
  const counted = earlyStopping === 'never' && lengthPenalty > 0 ? maxNewTokens + start : length;
  return best / counted ** lengthPenalty > finished.threshold;
}
