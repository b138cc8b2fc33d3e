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

/** The number of a run, counted from 1, or those of runs of whose weights a model has the mean. */
export type Origin = number | readonly number[];

/** One run of this tool. */
export interface RunHistory {
  /** Whether it began with the models of the run before it, or whose models it began with. */
  readonly continued: boolean | Origin;
  readonly config: object;
  readonly stage1?: StageHistory;
  readonly stage2?: StageHistory;
}

/** How a model was trained: `training.json` beside its stages. */
export interface History {
  /** SHA-256 of the weights of the frozen models that a model refers to which ships: with others it is worth nothing. */
  readonly frozen?: { readonly vision: string; readonly language: string };
  /** The runs that the models that ship are of. Default: the last. */
  readonly ships?: Readonly<Partial<Record<'stage1' | 'stage2', Origin>>>;
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
  if (!shipped || trained.length === 2) return run;
  const { runs, places } = merge([shipped, run]);
  const ships = (['stage1', 'stage2'] as const).map((stage) => {
    const which = trained.includes(stage) ? 1 : 0;
    return [stage, placed(originOf([shipped, run][which] as History, stage), places[which] as number[])] as const;
  });
  return { ...run, ships: Object.fromEntries(ships), runs };
}

/**
 * Joins the histories of runs of whose weights of a stage a model has the mean.
 * @param histories those of the runs, of which several may have begun with the same models
 */
export function joinAveraged(stage: 'stage1' | 'stage2', histories: readonly History[]): History {
  const { runs, places } = merge(histories);
  return { ...histories.at(-1), runs, ships: { [stage]: places.map((own) => own.at(-1) as number) } };
}

/** The runs that a stage is of: what ships, or the last that trained it. */
function originOf({ ships, runs }: History, stage: 'stage1' | 'stage2'): Origin | undefined {
  const last = runs.findLastIndex((one) => one[stage]) + 1;
  return ships?.[stage] ?? (last === 0 ? undefined : last);
}

const placed = (origin: Origin | undefined, places: readonly number[]): Origin | undefined =>
  typeof origin === 'object' ? origin.map((run) => places[run - 1] as number) : origin && places[origin - 1];

/** The runs of several histories, each once, and for each history the places of its runs among them, counted from 1. */
function merge(histories: readonly History[]): { runs: RunHistory[]; places: number[][] } {
  const runs: RunHistory[] = [];
  const known = new Map<string, number>();
  const places = histories.map((history) => {
    const own: number[] = [];
    for (const { continued, ...run } of history.runs) {
      const key = JSON.stringify(run);
      const before = continued === true ? own.length : continued;
      const from = typeof before === 'boolean' ? before : (placed(before, own) ?? true);
      const place = known.get(key) ?? runs.push({ ...run, continued: from === runs.length ? true : from });
      known.set(key, place);
      own.push(place);
    }
    return own;
  });
  return { runs, places };
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
