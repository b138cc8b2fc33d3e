import type { BeamRulesName } from './options.js';

/** Where releases of Hugging Face's transformers differ in beam search. */
export interface BeamRules {
  /**
   * What a text that was cut, and one that still runs, count beside their new tokens: 4.33 counts the token that a
   * decoder starts with (of a text that has ended, it leaves out the end instead).
   */
  readonly start: 0 | 1;
  /**
   * Which texts are cut at the greatest length: those among the best `beams` candidates, or, as in 4.33, all that would
   * run on, unless the search is over by then.
   */
  readonly cut: 'best' | 'running';
  /** Whether the candidate that could still win may be one that has just ended. */
  readonly endedMayWin: boolean;
  /** How drawn candidates stand: as they were drawn, or the best first. Those of the first `beams` that end are finished. */
  readonly drawn: 'drawing' | 'best';
}

/** 4.33.2 is what LAVIS pins, and so what its published numbers were made with (specification, section 3.5). */
export const beamRules: Readonly<Record<BeamRulesName, BeamRules>> = {
  '5': { start: 0, cut: 'best', endedMayWin: false, drawn: 'drawing' },
  '4.33': { start: 1, cut: 'running', endedMayWin: true, drawn: 'best' },
};
