import { dispose, type Flat, type LossTerms, valueAndGrads } from '@blip2/tensor';
import { adamw, type DecayRule, lavisWeightDecay, matrixWeightDecay } from '@blip2/trainer';
import type { Checks } from '../checks.js';
import { type Json, numberOf, object, objectsOf } from '../json.js';

interface Course {
  /** Taken over. */
  readonly begin: Flat;
  lossesOf(flat: Flat): LossTerms;
}

/** The losses before each of the AdamW updates on the same batch. */
export async function curve(golden: Json, checks: Checks, { begin, lossesOf }: Course): Promise<void> {
  const expected = objectsOf(golden, 'curve');
  const { optimizer, lr } = optimizerOf(object(golden.optimiser, "'optimiser'"));
  let trainable = begin;
  let state = optimizer.init(trainable);
  const found: { [term: string]: number }[] = [];
  for (const _ of expected) {
    const { terms, grads } = valueAndGrads(() => lossesOf(trainable), trainable);
    const values: { [term: string]: number } = {};
    for (const [term, value] of Object.entries(terms)) values[term] = (await value.data())[0] as number;
    found.push(values);
    ({ trainable, state } = optimizer.update(trainable, grads, state, { lr }));
    dispose({ ...terms });
    dispose(grads);
  }
  dispose([trainable, state.m, state.v]);
  for (const term of Object.keys(expected[0] ?? {})) {
    const numbers = found.map((values) => values[term] ?? Number.NaN);
    checks.numbers(
      `curve.${term}`,
      numbers,
      expected.map((values) => numberOf(values, term)),
    );
  }
}

const decayRules: Readonly<Record<string, DecayRule>> = {
  'ndim < 2, biases, LayerNorm': matrixWeightDecay,
  'ndim == 1, biases': lavisWeightDecay,
};

function optimizerOf(json: Json) {
  const decays = decayRules[String(json.no_decay)];
  if (json.name !== 'AdamW' || !decays) {
    const known = Object.keys(decayRules).join("' or '");
    throw new Error(
      `The optimizer must be AdamW with no_decay '${known}', not '${json.name}' with '${json.no_decay}'.`,
    );
  }
  const betas = json.betas;
  if (!Array.isArray(betas) || betas.length !== 2) throw new Error("The optimizer's 'betas' must be two numbers.");
  const optimizer = adamw({
    betas: [Number(betas[0]), Number(betas[1])],
    epsilon: numberOf(json, 'eps'),
    weightDecay: numberOf(json, 'weight_decay'),
    decayRule: decays,
  });
  return { optimizer, lr: numberOf(json, 'lr') };
}
