import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cider, type Recall } from '@blip2/metrics';
import type { Flat } from '@blip2/tensor';
import { isFile } from '@blip2/tensor/files';
import { type Communicator, latestCheckpoint, nodeFiles, onFirst } from '@blip2/trainer';
import { adaptedLanguage, languageOf, type Parts, stage1Params, stage2Params } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import type { RunConfig } from './config/schema.js';
import { loraOf } from './config/trained.js';
import { CAPTION_TOKENS, type PromptedModel } from './evaluate/captions.js';
import { generateShared, type SharedGeneration } from './evaluate/generate-shared.js';
import { evaluateRetrieval } from './evaluate/retrieval.js';
import { evaluateVqa } from './evaluate/vqa.js';
import type { Observers } from './observe/observer.js';
import type { Reporter } from './reporter.js';
import type { CaptionData, TrainingData, ValidationData } from './run-data.js';

/** The file of a run's folder that logs the evaluations on validation images, one JSON object per line. */
export const EVALUATIONS = 'evaluations.jsonl';

/** An evaluation on validation images. */
export interface LoggedEvaluation {
  readonly stage: 1 | 2;
  /** The step of the stage after which it was made. */
  readonly step: number;
  /**
   * By what steps are compared, larger is better. Stage 1: the mean recall at 1, 5 and 10 of both directions by ITC, as LAVIS
   * selects; stage 2: CIDEr, VQA accuracy, or their sum.
   */
  readonly value: number;
  /** What `value` is the mean or the sum of. */
  readonly scores: Readonly<Record<string, number>>;
  /** The step with the best value so far; of equal ones the last. */
  readonly best: number;
  /** Whether training stopped here, because the value had not grown for `patience` evaluations. */
  readonly stopped: boolean;
}

/** Selects the best step of a stage by validation, and tells when to stop. */
export interface Selection {
  /** Evaluates after a step where that is due. @returns whether training stops */
  after(step: number): Promise<boolean>;
  /** Whether an earlier process stopped this stage early; its best weights are then all that is needed. */
  readonly stopped: boolean;
  /** Puts the weights of the best step in the place of the last ones, where there are any. */
  restore(): Promise<void>;
}

/** Options of `openSelection`. */
export interface SelectionOptions {
  readonly stage: 1 | 2;
  readonly config: RunConfig;
  readonly parts: Parts;
  readonly data: Pick<TrainingData, 'validation' | 'selects' | 'prompts'>;
  /** The run's folder. */
  readonly out: string;
  /** The folder of the stage's checkpoints. */
  readonly checkpoints: string;
  readonly resume: boolean;
  /** What a resumed run must have in common with the one that stopped early. */
  readonly identity: string;
  readonly reporter: Reporter;
  readonly observers: Pick<Observers, 'scores'>;
  readonly signal?: AbortSignal | undefined;
  /** The processes that train together: all evaluate, and the first alone reads and writes. */
  readonly communicator: Communicator;
}

/** Opens the selection of a stage; undefined where the data set selects nothing, or the configuration has it off. */
export async function openSelection(options: SelectionOptions): Promise<Selection | undefined> {
  const { stage, config, data, out, checkpoints, resume, parts, reporter, observers, communicator } = options;
  const writes = communicator.rank === 0;
  const { checkpointEvery, evaluateEvery, patience, steps } = stage === 1 ? config.stage1 : config.stage2;
  const every = evaluateEvery ?? checkpointEvery;
  if (!data.selects || every === 0) return undefined;
  const file = join(out, EVALUATIONS);
  const { logged, stopped } = await onFirst(communicator, async () => {
    const all = (await readEvaluations(out)).filter((one) => resume || one.stage < stage);
    const from = resume ? ((await latestCheckpoint(checkpoints))?.step ?? 0) : 0;
    const stop = all.find((one) => one.stage === stage && one.stopped);
    return {
      logged: all.filter((one) => one.stage < stage || (one.stage === stage && one.step <= from)),
      stopped: stop !== undefined && (await isBest(checkpoints, stop.best, options.identity)),
    };
  });

  return {
    stopped,
    async after(step) {
      if (step % every !== 0 && step !== steps) return false;
      const scores = await validate(options);
      await observers.scores({ stage, step }, scores);
      const total = Object.values(scores).reduce((sum, score) => sum + score, 0);
      const value = stage === 1 ? total / Object.values(scores).length : total;
      const own = logged.filter((one) => one.stage === stage);
      const highest = Math.max(Number.NEGATIVE_INFINITY, ...own.map((one) => one.value));
      const isNew = value >= highest;
      const best = isNew ? step : (own.at(-1)?.best ?? step);
      if (isNew && writes) await saveBest(checkpoints, step, options);
      const stops = patience !== null && sinceGrowth([...own.map((one) => one.value), value]) >= patience;
      logged.push({ stage, step, value, scores, best, stopped: stops });
      if (!writes) return stops;
      await writeFile(`${file}.tmp`, logged.map((one) => `${JSON.stringify(one)}\n`).join(''));
      await rename(`${file}.tmp`, file);
      if (stops)
        reporter.note(
          `Stage ${stage} stops after step ${step}: its validation score has not grown since step ${step - (patience as number) * every}.`,
        );
      return stops;
    },
    async restore() {
      const best = await onFirst(communicator, async () => (await bestSteps(checkpoints)).at(-1));
      if (best === undefined) return;
      const records = recordsOf(stage, parts);
      if (writes) await loadBest(join(checkpoints, folderOf(best)), records);
      if (communicator.size === 1) return;
      for (const record of records) {
        for (const [path, tensor] of Object.entries(record)) {
          record[path] = tf.keep(await communicator.broadcast(tensor));
          tensor.dispose();
        }
      }
    },
  };
}

/** Reads the evaluations of a run. */
export async function readEvaluations(out: string): Promise<LoggedEvaluation[]> {
  const text = await readFile(join(out, EVALUATIONS), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LoggedEvaluation);
}

/** The number of evaluations since the last that was better than all before it. */
function sinceGrowth(values: readonly number[]): number {
  let [highest, at] = [Number.NEGATIVE_INFINITY, 0];
  values.forEach((value, i) => {
    if (value > highest) [highest, at] = [value, i];
  });
  return values.length - 1 - at;
}

type Scores = Readonly<Record<string, number>>;

async function validate(options: SelectionOptions): Promise<Scores> {
  const validation = (await options.data.validation?.()) as ValidationData;
  try {
    return options.stage === 1 ? await recallOf(validation, options) : await textsOf(validation, options);
  } finally {
    await validation.close();
  }
}

async function recallOf(
  { retrieval }: ValidationData,
  { parts, config, signal, communicator }: SelectionOptions,
): Promise<Scores> {
  if (!retrieval) return { none: 0 };
  const model = { config: parts.config, params: stage1Params(parts) };
  const how = {
    tokenizer: parts.text.tokenizer,
    textLength: config.data.textLength,
    rerank: 0,
    communicator,
    ...(signal && { signal }),
  };
  const { i2t, t2i } = await evaluateRetrieval(model, retrieval, how);
  const named = (way: string, recall: Recall): Scores =>
    Object.fromEntries(Object.entries(recall).map(([k, share]) => [`${way}_${k}`, share]));
  return { ...named('i2t', i2t), ...named('t2i', t2i) };
}

async function textsOf(
  { captions, vqa }: ValidationData,
  { config, parts, data, signal, communicator }: SelectionOptions,
): Promise<Scores> {
  const lora = loraOf(config);
  const language = lora ? adaptedLanguage(parts, lora) : languageOf(parts);
  const { tokenizer } = language;
  const model = { config: parts.config, params: stage2Params(parts), language, tokenizer, prompts: data.prompts };
  const how = { beams: 1, communicator, ...(signal && { signal }) };
  return {
    ...(captions && { cider: await ciderOf(model, captions, how) }),
    ...(vqa && { vqa: (await evaluateVqa(model, vqa, how)).accuracy }),
  };
}

/** CIDEr of the captions, without those of swapped images that an evaluation has too. */
async function ciderOf(
  model: PromptedModel,
  { features, references }: CaptionData,
  how: SharedGeneration,
): Promise<number> {
  const inputs = Array.from({ length: features.length }, (_, image) => ({ image, prompt: model.prompts.caption }));
  const texts = await generateShared(model, features, inputs, { maxNewTokens: CAPTION_TOKENS, ...how });
  return cider(
    texts,
    inputs.map(({ image }) => [...references(image)]),
  ).score;
}

const folderOf = (step: number): string => `best-${String(step).padStart(6, '0')}`;
const WEIGHTS = 'trainable.safetensors';
const STATE = 'state.json';

/** The steps whose weights are kept as the best, ascending; one but while the next is written. */
async function bestSteps(checkpoints: string): Promise<number[]> {
  const names = await nodeFiles.list(checkpoints);
  return names
    .flatMap((name) => /^best-(\d{6,})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Writes the weights of a step as a whole, and then removes those of an earlier best step. */
async function saveBest(
  checkpoints: string,
  step: number,
  { stage, parts, identity }: SelectionOptions,
): Promise<void> {
  const partial = join(checkpoints, `.partial-${folderOf(step)}`);
  const folder = join(checkpoints, folderOf(step));
  await nodeFiles.remove(partial);
  await nodeFiles.makeFolder(partial);
  await nodeFiles.writeTensors(join(partial, WEIGHTS), Object.assign({}, ...recordsOf(stage, parts)));
  await nodeFiles.writeText(join(partial, STATE), `${JSON.stringify({ step, identity })}\n`);
  for (const name of [WEIGHTS, STATE]) await nodeFiles.sync(join(partial, name));
  await nodeFiles.remove(folder);
  await nodeFiles.rename(partial, folder);
  await nodeFiles.sync(checkpoints);
  for (const older of await bestSteps(checkpoints))
    if (older !== step) await nodeFiles.remove(join(checkpoints, folderOf(older)));
}

/** Whether the best weights are those of a step. @throws for those of another run */
async function isBest(checkpoints: string, step: number, identity: string): Promise<boolean> {
  const folder = join(checkpoints, folderOf(step));
  if (!(await isFile(join(folder, STATE)))) return false;
  const state = JSON.parse(await nodeFiles.readText(join(folder, STATE))) as { identity?: unknown };
  if (state.identity === identity) return true;
  throw new Error(
    `${folder} cannot be continued: configuration, data, models or backend were others. Use the same settings, or start a new run in another folder.`,
  );
}

async function loadBest(folder: string, records: readonly Flat[]): Promise<void> {
  const source = await nodeFiles.openTensors(join(folder, WEIGHTS));
  try {
    for (const record of records) {
      for (const [path, { shape }] of Object.entries(record)) {
        const values = await source.read(path);
        record[path]?.dispose();
        record[path] = tf.keep(tf.tensor(values, shape, 'float32'));
      }
    }
  } finally {
    await source.close();
  }
}

/** What a stage may have trained: its own parameters, of the image encoder, and adapters of the language model. */
const recordsOf = (stage: 1 | 2, { stage1, stage2, encoder, adapters }: Parts): Flat[] =>
  stage === 1 ? [stage1, encoder] : [stage2, encoder, adapters];
