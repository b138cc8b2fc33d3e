import type { LanguageModel, Prompt } from '../language-model.js';
import { type DecodingOptions, historyOf, type Sequence, type Settings, settingsOf } from './options.js';
import { logSoftmax, penalise } from './scores.js';
import { Top } from './top.js';

/** A text in the making. */
interface Beam {
  readonly ids: readonly number[];
  /** Sum of the penalised log-probabilities. */
  readonly sum: number;
  /** The row of the state that it goes on from. */
  readonly row: number;
}

/** The search for the texts of one row of the batch. */
interface Search {
  readonly history: readonly number[];
  readonly finished: Top<readonly number[]>;
  running: Beam[];
}

/**
 * Beam search as Hugging Face's transformers 5 does it: scores are penalised log-probabilities; of the best
 * (1 + number of EOS ids) × beams candidates those that end are finished if they are among the first `beams`, and the
 * best others go on; at `maxNewTokens` all end.
 * @returns for each row its `returnSequences` best texts, best first
 */
export async function beamSearch(
  model: LanguageModel,
  prompt: Prompt,
  options: DecodingOptions = {},
): Promise<Sequence[][]> {
  const settings = settingsOf(model, options);
  settings.signal?.throwIfAborted();
  const state = model.start(prompt);
  try {
    const total = state.rows;
    const searches = Array.from(
      { length: total },
      (_, row): Search => ({
        history: historyOf(settings, row, total),
        finished: new Top(settings.beams),
        running: [{ ids: [], sum: 0, row }],
      }),
    );
    for (let length = 1; ; length++) {
      const logits = (await state.logits.data()) as Float32Array;
      settings.signal?.throwIfAborted();
      const V = logits.length / state.rows;
      for (const search of searches) {
        if (search.running.length > 0)
          advance(search, { settings, length, scoresOf: (row) => logits.slice(row * V, (row + 1) * V) });
      }
      const beams = searches.flatMap(({ running }) => running);
      if (beams.length === 0) break;
      const parents = beams.map(({ row }) => row);
      if (parents.length !== state.rows || parents.some((row, i) => row !== i)) state.reorder(parents);
      state.step(beams.map(({ ids }) => ids.at(-1) as number));
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

interface Turn {
  readonly settings: Settings;
  /** How many new tokens each beam has after this turn. */
  readonly length: number;
  scoresOf(row: number): Float32Array;
}

/** One token more for the beams of one search; none run on when it has ended. */
function advance(search: Search, { settings, length, scoresOf }: Turn): void {
  const { beams, eosIds, lengthPenalty, maxNewTokens } = settings;
  const candidates = new Top<{ beam: Beam; id: number }>(Math.max(2, 1 + eosIds.length) * beams);
  for (const beam of search.running) {
    const scores = penalise(logSoftmax(scoresOf(beam.row)), beam.ids, { history: search.history, settings });
    scores.forEach((score, id) => {
      if (!candidates.full || beam.sum + score > candidates.threshold) candidates.add(beam.sum + score, { beam, id });
    });
  }
  const running: Beam[] = [];
  candidates.items.forEach(({ score: sum, value: { beam, id } }, rank) => {
    const ids = [...beam.ids, id];
    if (eosIds.includes(id) || length === maxNewTokens) {
      if (rank < beams) search.finished.add(sum / length ** lengthPenalty, ids);
    } else if (running.length < beams) {
      running.push({ ids, sum, row: beam.row });
    }
  });
  search.running = goesOn(search.finished, running[0], { settings, length }) ? running : [];
}

/** Whether the best running beam may still bring something. */
function goesOn(
  finished: Search['finished'],
  best: Beam | undefined,
  turn: Pick<Turn, 'settings' | 'length'>,
): boolean {
  if (!best) return false;
  if (!finished.full) return true;
  const { earlyStopping, lengthPenalty, maxNewTokens } = turn.settings;
  if (earlyStopping === true) return false;
  const length = earlyStopping === 'never' && lengthPenalty > 0 ? maxNewTokens : turn.length;
  return best.sum / length ** lengthPenalty > finished.threshold;
}
