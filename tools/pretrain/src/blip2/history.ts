import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { METRICS, readMetrics } from '@blip2/runs';
import { isFile, readJson } from '@blip2/tensor/files';
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
  /** Whether it began with the models of the run before it, or the number of the run, counted from 1, whose models it began with. */
  readonly continued: boolean | number;
  readonly config: object;
  readonly stage1?: StageHistory;
  readonly stage2?: StageHistory;
}

/** How a model was trained: `training.json` beside its stages. */
export interface History {
  /** SHA-256 of the weights of the frozen models that a model refers to which ships: with others it is worth nothing. */
  readonly frozen?: { readonly vision: string; readonly language: string };
  /** The runs, counted from 1, that the models that ship are of. Default: the last. */
  readonly ships?: Readonly<Partial<Record<'stage1' | 'stage2', number>>>;
  /** In order; each continues the models of the one before it or begins anew. */
  readonly runs: readonly RunHistory[];
}

const FILE = 'training.json';

/**
 * Joins the history of a run to that of the models that ship, where it trained one stage alone and the other stays as it is: the
 * earlier runs are kept, and which run each stage is of.
 */
export function joinHistories(
  shipped: History | undefined,
  run: History,
  trained: readonly ('stage1' | 'stage2')[],
): History {
  const last = (history: History, stage: 'stage1' | 'stage2'): number | undefined => {
    const of = history.ships?.[stage] ?? history.runs.findLastIndex((one) => one[stage]) + 1;
    return of > 0 ? of : undefined;
  };
  if (!shipped || trained.length === 2) return run;
  const same = shipped.runs.filter((one, i) => JSON.stringify(one) === JSON.stringify(run.runs[i])).length;
  const before = same === shipped.runs.length ? 0 : shipped.runs.length;
  const ships = (['stage1', 'stage2'] as const).map((stage) => {
    const own = trained.includes(stage);
    const index = last(own ? { runs: run.runs } : shipped, stage);
    return [stage, index === undefined ? undefined : index + (own ? before : 0)] as const;
  });
  return { ...run, ships: Object.fromEntries(ships), runs: before === 0 ? run.runs : [...shipped.runs, ...run.runs] };
}

/** The logs of a stage in the folder of a run: its steps, and its validations. */
export const logsOf = (folder: string, stage: 1 | 2) => ({
  steps: join(folder, `metrics${stage}.jsonl`),
  validations: join(folder, `validations${stage}.jsonl`),
});

/**
 * Reads the history of a folder: its `training.json`, whose last run goes as far as its logs there, or what `blip2 train` logged;
 * undefined where it has neither.
 */
export async function readHistory(folder: string): Promise<History | undefined> {
  const found = await readJson(join(folder, FILE));
  if (!found) return historyOfRun(folder);
  const history = found as unknown as History;
  const last = history.runs.at(-1);
  if (!last) return history;
  return { ...history, runs: [...history.runs.slice(0, -1), { ...last, ...(await readLogs(folder)) }] };
}

/** Reads how the stages of a run of this tool went; those without steps are left out. */
export async function readLogs(folder: string): Promise<Pick<RunHistory, 'stage1' | 'stage2'>> {
  const read = async (stage: 1 | 2): Promise<StageHistory> => {
    const { steps, validations } = logsOf(folder, stage);
    return stageHistory(await readLines<LoggedStep>(steps), await readLines<Validation>(validations));
  };
  return stagesOf(await read(1), await read(2));
}

/** The history of a run of `blip2 train`. */
async function historyOfRun(folder: string): Promise<History | undefined> {
  const config = await readJson(join(folder, 'config.json'));
  if (!config || !(await isFile(join(folder, METRICS)))) return undefined;
  const { steps = 0 } = config.stage1 as { steps?: number };
  const logged = await readMetrics(folder, steps);
  const [stage1, stage2] = [1, 2].map((stage) => stageHistory(logged.filter((step) => step.stage === stage)));
  return { runs: [{ continued: false, config, ...stagesOf(stage1, stage2) }] };
}

/** The stages of a run that have steps. */
const stagesOf = (stage1?: StageHistory, stage2?: StageHistory): Pick<RunHistory, 'stage1' | 'stage2'> => ({
  ...(stage1 && stage1.steps > 0 && { stage1 }),
  ...(stage2 && stage2.steps > 0 && { stage2 }),
});

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

/** A logged step. */
export interface LoggedStep {
  readonly step: number;
  readonly seconds: number;
  readonly losses: Readonly<Record<string, number>>;
}

/** Tells how a stage went from its logged steps and validations. */
export function stageHistory(steps: readonly LoggedStep[], validations: readonly Validation[] = []): StageHistory {
  const size = Math.max(1, Math.ceil(steps.length / POINTS));
  const parts = Array.from({ length: Math.ceil(steps.length / size) }, (_, i) => steps.slice(i * size, (i + 1) * size));
  return {
    steps: steps.at(-1)?.step ?? 0,
    seconds: Math.round(steps.reduce((sum, { seconds }) => sum + seconds, 0)),
    curve: parts.map((part) => ({ step: part.at(-1)?.step ?? 0, losses: meanOf(part.map(({ losses }) => losses)) })),
    validations,
  };
}

/** The means of numbers by name, of those that have the name, to three digits. */
function meanOf(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
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
