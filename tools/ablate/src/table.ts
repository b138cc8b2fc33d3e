import type { Stage1Ablation } from '@blip2/training';

/** The Q-Former of a run, and how stage 1 trains it. */
export interface Setup {
  readonly queries: number;
  /** Whether it starts from the first layers of the starter's BERT, not from random weights. */
  readonly bert: boolean;
  /** What is taken away from stage 1. */
  readonly ablation: Stage1Ablation;
}

/**
 * How stage 2 is trained: by the loss of the language model alone, as BLIP-2 is (`lm`), or by that of phrases too, as the demo
 * is (`phrases`).
 */
export type Stage2Loss = 'lm' | 'phrases';

/** A configuration of the table: what differs from the whole, and which stages it trains. */
export interface Configuration {
  readonly name: string;
  readonly setup: Setup;
  /** Whether stage 1 is trained; else stage 2 starts from a Q-Former as it is initialized. */
  readonly stage1: boolean;
  readonly stage2: readonly Stage2Loss[];
  /** Whether VQA accuracy is measured while stage 2 is trained too. */
  readonly watch: boolean;
}

/** The Q-Former of the demo: 8 queries, random initialization. */
const whole: Setup = { queries: 8, bert: false, ablation: {} };

const row = (name: string, setup: Partial<Setup>, others: Partial<Configuration> = {}): Configuration => ({
  name,
  setup: { ...whole, ...setup },
  stage1: true,
  stage2: ['lm'],
  watch: false,
  ...others,
});

/** All configurations, the most important first: each is run with every seed. */
export const table: readonly Configuration[] = [
  row('whole', {}, { stage2: ['lm', 'phrases'], watch: true }),
  row('no stage 1', {}, { stage1: false, stage2: ['lm', 'phrases'], watch: true }),
  row('no ITG', { ablation: { weights: { itg: 0 } } }),
  row('no ITM', { ablation: { weights: { itm: 0 } } }),
  row('no ITC', { ablation: { weights: { itc: 0 } } }),
  row('random negatives', { ablation: { negatives: 'random' } }, { stage2: [] }),
  row('1 query', { queries: 1 }),
  row('ITC unmasked', { ablation: { unmasked: ['itc'] } }, { stage2: [] }),
  row('ITG unmasked', { ablation: { unmasked: ['itg'] } }),
  row('BERT', { bert: true }),
  row('32 queries', { queries: 32 }),
  row('4 queries', { queries: 4 }),
  row('16 queries', { queries: 16 }),
];
