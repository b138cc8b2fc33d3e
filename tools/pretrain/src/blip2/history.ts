import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmojiConfig } from '@blip2/demo';
import type { Validation } from './validate.js';

/** One stage of one run, as it went. */
export interface StageHistory {
  readonly steps: number;
  /** Time of the steps alone. */
  readonly seconds: number;
  /** Mean losses of equal parts of the run, with the last step of each. */
  readonly curve: readonly { readonly step: number; readonly losses: Readonly<Record<string, number>> }[];
  /** Scores by Firefox OS' drawings, in order; the best is what was kept. */
  readonly validations: readonly Validation[];
}

/** One run of this tool. */
export interface RunHistory {
  /** Whether it began with the models of the run before it. */
  readonly continued: boolean;
  readonly config: EmojiConfig;
  readonly stage1?: StageHistory;
  readonly stage2?: StageHistory;
}

/** How a model was trained: `training.json` beside its stages. */
export interface History {
  /** SHA-256 of the frozen models that it was trained with. */
  readonly frozen: { readonly vision: string; readonly language: string };
  /** In order; the later ones continue the models of the earlier ones. */
  readonly runs: readonly RunHistory[];
}

const FILE = 'training.json';

/** Reads the history of a folder; undefined where it has none. */
export async function readHistory(folder: string): Promise<History | undefined> {
  const text = await readFile(join(folder, FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as History);
}

/** Writes the history of a folder. */
export async function writeHistory(folder: string, history: History): Promise<void> {
  const path = join(folder, FILE);
  await writeFile(`${path}.tmp`, `${JSON.stringify(history, null, 1)}\n`);
  await rename(`${path}.tmp`, path);
}

/** The hours that all runs trained. */
export const hoursOf = ({ runs }: History): number =>
  runs.reduce((sum, { stage1, stage2 }) => sum + (stage1?.seconds ?? 0) + (stage2?.seconds ?? 0), 0) / 3600;

/** The validation by which a stage's model was chosen: the best, and of equal ones the first. */
export const bestOf = (validations: readonly Validation[]): Validation | undefined =>
  validations.reduce<Validation | undefined>((best, one) => (best && best.score >= one.score ? best : one), undefined);

/** Points of a curve in the history. */
const POINTS = 12;

/** Reads how a stage went from its logs; lines after a step that was not checkpointed are cut by the next run. */
export async function stageHistory(metrics: string, validations: string): Promise<StageHistory> {
  const steps = await readLines<{ step: number; seconds: number; losses: Record<string, number> }>(metrics);
  const size = Math.max(1, Math.ceil(steps.length / POINTS));
  const parts = Array.from({ length: Math.ceil(steps.length / size) }, (_, i) => steps.slice(i * size, (i + 1) * size));
  return {
    steps: steps.at(-1)?.step ?? 0,
    seconds: Math.round(steps.reduce((sum, { seconds }) => sum + seconds, 0)),
    curve: parts.map((part) => ({ step: part.at(-1)?.step ?? 0, losses: meanOf(part.map(({ losses }) => losses)) })),
    validations: await readLines<Validation>(validations),
  };
}

/** The means of numbers by name, of those that have the name, to three digits. */
function meanOf(records: readonly Record<string, number>[]): Record<string, number> {
  const names = new Set(records.flatMap((record) => Object.keys(record)));
  return Object.fromEntries(
    [...names].map((name) => {
      const values = records.flatMap((record) => (record[name] === undefined ? [] : [record[name]]));
      return [name, Number((values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(3))];
    }),
  );
}

/** Reads a file of JSON lines; an incomplete last line, of a process that was killed, is left out. */
export async function readLines<T>(path: string): Promise<T[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T);
}
