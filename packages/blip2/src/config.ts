import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { presets } from './presets.js';

const count = z.int().min(1);
const share = z.number().min(0).max(1);

const scheduleSchema = z
  .strictObject({
    steps: count.describe('updates of the weights'),
    batch: count.min(2).describe('pictures a step; in-batch negatives need at least two'),
    peak: z.number().positive().default(1e-3).describe('learning rate after warm-up'),
    floor: z.number().min(0).default(1e-5).describe('learning rate at the last step'),
    warmup: z.int().min(0).default(30).describe('steps of linear warm-up'),
    weightDecay: z.number().min(0).default(0.05),
    betas: z.tuple([share, share]).default([0.9, 0.98]),
    clip: z.number().positive().nullable().default(1).describe('largest global norm of the gradients; null: none'),
    accumulate: count.default(1).describe('batches whose gradients are added up for one update'),
    checkpointEvery: count.default(200).describe('steps between checkpoints'),
    recompute: z
      .boolean()
      .default(false)
      .describe('run the layers of the Q-Former again for their gradients: less memory, more time'),
  })
  .describe('one stage of training');

const qformerSchema = z.strictObject({
  queries: count.default(32),
  layers: count.default(12),
  hiddenSize: count.default(768),
  heads: count.default(12),
  intermediateSize: count.default(3072),
  crossAttentionFrequency: count.default(2),
  initializerRange: z.number().positive().default(0.02).describe('deviation of the first weights'),
  embeddingRange: z.number().positive().default(0.02).describe('deviation of the first words, positions and queries'),
  crossAttentionRange: z
    .number()
    .positive()
    .default(0.02)
    .describe('deviation of the first weights of cross-attention'),
  feedForwardRange: z.number().positive().default(0.02).describe('deviation of those of the feed-forward networks'),
  dropout: share.default(0.1),
  embedDim: count.default(256).describe('width of the space that pictures and texts share'),
});

/** What `train` and `demo` are told: which frozen models, which data, what is learned, and how long. */
export const configSchema = z.strictObject({
  seed: z.int().default(0),
  vision: z.string().default('starter').describe('a folder of a vision encoder; starter: the one that ships'),
  language: z.string().default('starter').describe('a folder of a language model'),
  bert: z
    .string()
    .nullable()
    .default('starter')
    .describe('a folder of the BERT to start from; null: from random numbers'),
  qformer: qformerSchema.prefault({}),
  data: z
    .strictObject({
      emoji: count.nullable().default(null).describe('how many emoji to train on, in four drawings each; null: all'),
      scenes: z.int().min(0).default(8000).describe('scenes to train on'),
      testScenes: count.default(400).describe('scenes to test on'),
      sceneShare: share.default(0.25).describe('share of the batches of stage 1 that are scenes'),
      textLength: count.default(32).describe('longest text in tokens'),
    })
    .prefault({}),
  smoothing: share.default(0.1).describe('label smoothing of ITC and ITG'),
  stage1: scheduleSchema,
  stage2: scheduleSchema.extend({
    projectionRate: z
      .number()
      .positive()
      .default(1)
      .describe('learning rate of the bridge to the language model, as a multiple: it alone begins anew'),
    phraseSteps: z
      .int()
      .min(0)
      .default(0)
      .describe('of the steps, the first that learn to tell what is shown without the language model; BLIP-2 has 0'),
    phraseWeight: z
      .number()
      .min(0)
      .default(0)
      .describe('weight of the same beside the language model afterwards; BLIP-2 has 0'),
  }),
});

/** A whole configuration, every default filled in. */
export type Config = z.output<typeof configSchema>;
/** A configuration as a person writes it. */
export type ConfigInput = z.input<typeof configSchema>;
export type StageConfig = Config['stage1'];

/** Nobody reads more at once. */
const MOST_PROBLEMS = 10;
const LONGEST_KEY = 80;

/**
 * Checks a configuration and fills in what it leaves out.
 * @throws naming every key that is unknown, missing or wrong (of many the first), with the key that was probably meant.
 */
export function parseConfig(input: unknown, origin = 'the configuration'): Config {
  const result = configSchema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap(describe);
  const more = problems.length > MOST_PROBLEMS ? [`and ${problems.length - MOST_PROBLEMS} more`] : [];
  throw new Error(`${capital(origin)} is wrong: ${[...problems.slice(0, MOST_PROBLEMS), ...more].join('; ')}.`);
}

/** Reads a JSON configuration; a `preset` key names one that the rest changes. */
export async function readConfig(path: string): Promise<Config> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`The configuration ${path} cannot be read (${error.code}).`);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`The configuration ${path} is not JSON: ${(error as Error).message}.`);
  }
  return parseConfig(withPreset(json, path), `the configuration ${path}`);
}

/** The configuration of a preset. @throws for a name that is none, naming those that are. */
export function preset(name: string): Config {
  const found = Object.hasOwn(presets, name) ? presets[name as keyof typeof presets] : undefined;
  if (!found) throw new Error(`There is no preset '${name}'; there are ${Object.keys(presets).join(', ')}.`);
  return parseConfig(found, `the preset '${name}'`);
}

type Json = { [key: string]: unknown };
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function withPreset(json: unknown, path: string): unknown {
  if (!isRecord(json) || json.preset === undefined) return json;
  const { preset: name, ...changes } = json;
  if (typeof name !== 'string') throw new Error(`The configuration ${path} is wrong: 'preset' must be a name.`);
  return merge(preset(name), changes);
}

function merge(base: Json, changes: Json): Json {
  const merged = Object.entries(changes).map(([key, value]) => {
    const old = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, isRecord(old) && isRecord(value) ? merge(old, value) : value];
  });
  return { ...base, ...Object.fromEntries(merged) };
}

function describe(issue: z.core.$ZodIssue): string[] {
  const at = issue.path.map(String);
  if (issue.code !== 'unrecognized_keys') return [`'${at.join('.') || 'it'}': ${issue.message}`];
  const known = keysAt(at);
  return issue.keys.map((key) => {
    const meant = key.length <= LONGEST_KEY ? nearest(key, known) : undefined;
    const hint = meant ? `did you mean '${meant}'?` : `known are ${known.join(', ')}`;
    return `'${[...at, key.slice(0, LONGEST_KEY)].join('.')}' is not a key (${hint})`;
  });
}

/** The keys that a record of the configuration may have. */
function keysAt(path: readonly string[]): string[] {
  let schema: unknown = configSchema;
  for (const key of path) schema = unwrap(schema).shape[key];
  return Object.keys(unwrap(schema).shape);
}

function unwrap(schema: unknown): { shape: Record<string, unknown> } {
  let inner = schema as { shape?: Record<string, unknown>; unwrap?: () => unknown };
  while (!inner.shape && inner.unwrap) inner = inner.unwrap() as typeof inner;
  return { shape: inner.shape ?? {} };
}

/** The known key at the smallest edit distance, if that is at most a third of the word. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((key) => [editDistance(word.toLowerCase(), key.toLowerCase()), key] as const)
    .sort(([a], [b]) => a - b);
  const best = ranked[0];
  return best && best[0] <= Math.max(1, Math.floor(word.length / 3)) ? best[1] : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, change);
    }
    row = next;
  }
  return row[b.length] as number;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
