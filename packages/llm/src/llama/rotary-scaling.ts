import { fieldsOf, isJson, type Json, show } from '@blip2/tensor';

/** How far the frequencies of rotary positions are scaled for texts longer than those of pre-training. */
export type RotaryScaling = { readonly base: number } & (
  | { readonly type: 'default' }
  /** Positions are divided by a factor (Chen et al. 2023). */
  | { readonly type: 'linear'; readonly factor: number }
  /** The base grows with the length of a text beyond the `original` one ('dynamic NTK'). */
  | { readonly type: 'dynamic'; readonly factor: number; readonly original: number }
  /** Low frequencies are divided, high ones kept, those between interpolated (Llama 3.1, Grattafiori et al. 2024). */
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly original: number;
      readonly lowFactor: number;
      readonly highFactor: number;
    }
  /** The same by the number of rotations within the `original` length, and longer queries and keys (Peng et al. 2023). */
  | {
      readonly type: 'yarn';
      readonly factor: number;
      readonly original: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly truncate: boolean;
      /** Factor of cosines and sines. */
      readonly attentionFactor: number;
    }
);

const TYPES = ['default', 'linear', 'dynamic', 'llama3', 'yarn'] as const;

/** What the scaling is read with. */
export interface RotaryScalingOptions {
  /** Name of the model family, for errors. */
  readonly name: string;
  /** `max_position_embeddings` */
  readonly positions: number;
  /** Width of a head. */
  readonly headSize: number;
}

/**
 * Reads the rotary positions of a config: `rope_parameters` of transformers 5, or `rope_theta` and `rope_scaling` of earlier
 * releases.
 * @throws naming the field that is malformed, and for a scaling that is not known
 */
export function rotaryScaling(json: Json, { name, positions, headSize }: RotaryScalingOptions): RotaryScaling {
  const { positive } = fieldsOf(json, name);
  const part = json.rope_parameters ?? json.rope_scaling ?? {};
  if (!isJson(part)) throw new Error(`The ${name} config's rope_parameters must be an object, not ${show(part)}.`);
  const given = { ...part, rope_type: part.rope_type ?? part.type };
  const inner = fieldsOf(given, `${name} rotary`);
  const base = inner.positive('rope_theta', positive('rope_theta', 10000));
  const type = inner.oneOf('rope_type', 'default', TYPES);
  const rotated = inner.positive('partial_rotary_factor', fieldsOf(json, name).positive('partial_rotary_factor', 1));
  if (rotated !== 1) {
    throw new Error(`The ${name} config's partial_rotary_factor is ${rotated}; only 1 is supported here.`);
  }
  if (type === 'default') return { type, base };
  const original = inner.count('original_max_position_embeddings', positions, { least: 1 });
  if (type === 'yarn') return { base, ...yarn(given, { name, positions, original }) };
  const factor = factorOf(given, name);
  if (type === 'linear') return { type, base, factor };
  if (type === 'dynamic') {
    if (headSize <= 2) throw new Error(`The dynamic rotary positions of the ${name} config need heads wider than 2.`);
    return { type, base, factor, original: positions };
  }
  const lowFactor = inner.positive('low_freq_factor', 1);
  const highFactor = inner.positive('high_freq_factor', 4);
  if (highFactor <= lowFactor) {
    throw new Error(
      `The ${name} config's high_freq_factor ${highFactor} must be above its low_freq_factor ${lowFactor}.`,
    );
  }
  return { type, base, factor, original, lowFactor, highFactor };
}

function factorOf(part: Json, name: string): number {
  const factor = fieldsOf(part, `${name} rotary`).positive('factor', Number.NaN);
  if (factor >= 1) return factor;
  throw new Error(`The ${name} rotary config's factor must be at least 1, not ${factor}.`);
}

function yarn(
  part: Json,
  { name, positions, original }: { readonly name: string; readonly positions: number; readonly original: number },
): Omit<Extract<RotaryScaling, { type: 'yarn' }>, 'base'> {
  const { positive, flag } = fieldsOf(part, `${name} rotary`);
  const factor = (part.factor ?? null) === null ? Math.max(1, positions / original) : factorOf(part, name);
  const [mscale, all] = [scaleOf(part, 'mscale', name), scaleOf(part, 'mscale_all_dim', name)];
  const natural = mscale && all ? lengthening(factor, mscale) / lengthening(factor, all) : lengthening(factor, 1);
  return {
    type: 'yarn',
    factor,
    original,
    betaFast: positive('beta_fast', 32),
    betaSlow: positive('beta_slow', 1),
    truncate: flag('truncate', true),
    attentionFactor: positive('attention_factor', natural),
  };
}

/** A number of at least 0; 0 where it is absent. */
function scaleOf(part: Json, field: string, name: string): number {
  return (part[field] ?? 0) === 0 ? 0 : fieldsOf(part, `${name} rotary`).positive(field, 1);
}

/** By what longer texts lengthen queries and keys (Peng et al. 2023, equation 22). */
const lengthening = (factor: number, scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);

/** Frequencies of the R/2 pairs of components, rounded to float32, and the factor of cosines and sines. */
export interface RotaryFrequencies {
  readonly frequencies: Float32Array;
  readonly attentionFactor: number;
}

/**
 * Computes the frequencies of rotary positions: pair i is rotated by its frequency times the position.
 * @param dimensions R, the width of a head
 * @param columns length of the text so far, which only the dynamic scaling depends on
 */
export function rotaryFrequencies(scaling: RotaryScaling, dimensions: number, columns: number): RotaryFrequencies {
  const pairs = Array.from({ length: dimensions / 2 }, (_, i) => i);
  const of = (base: number): number[] => pairs.map((i) => Math.fround(base ** ((-2 * i) / dimensions)));
  const plain = of(scaling.base);
  const made = (frequencies: readonly number[], attentionFactor = 1): RotaryFrequencies => ({
    frequencies: Float32Array.from(frequencies),
    attentionFactor,
  });
  switch (scaling.type) {
    case 'default':
      return made(plain);
    case 'linear':
      return made(plain.map((frequency) => frequency / scaling.factor));
    case 'dynamic': {
      const { base, factor, original } = scaling;
      const growth = (factor * Math.max(columns, original)) / original - (factor - 1);
      return made(of(base * growth ** (dimensions / (dimensions - 2))));
    }
    case 'llama3':
      return made(plain.map((frequency) => llama3(frequency, scaling)));
    case 'yarn': {
      const kept = keptShares(scaling, dimensions);
      const { factor, attentionFactor } = scaling;
      return made(
        plain.map((frequency, i) => (frequency / factor) * (1 - (kept[i] as number)) + frequency * (kept[i] as number)),
        attentionFactor,
      );
    }
  }
}

function llama3(frequency: number, scaling: Extract<RotaryScaling, { type: 'llama3' }>): number {
  const { factor, original, lowFactor, highFactor } = scaling;
  const rotations = (original * frequency) / (2 * Math.PI);
  if (rotations > highFactor) return frequency;
  if (rotations < lowFactor) return frequency / factor;
  const kept = (rotations - lowFactor) / (highFactor - lowFactor);
  return ((1 - kept) * frequency) / factor + kept * frequency;
}

/** Which share of each frequency is kept: 1 for fast ones, 0 for slow ones, a ramp between (Peng et al. 2023, section 3.2). */
function keptShares(scaling: Extract<RotaryScaling, { type: 'yarn' }>, dimensions: number): number[] {
  const { base, original, betaFast, betaSlow, truncate } = scaling;
  const pairOf = (rotations: number): number =>
    (dimensions * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(base));
  const [fast, slow] = [pairOf(betaFast), pairOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const high = Math.min(truncate ? Math.ceil(slow) : slow, dimensions - 1);
  const width = high === low ? 0.001 : high - low;
  return Array.from({ length: dimensions / 2 }, (_, i) => 1 - Math.min(1, Math.max(0, (i - low) / width)));
}
