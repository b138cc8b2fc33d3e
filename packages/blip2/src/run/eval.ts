import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { captionProcessor } from '@blip2/data';
import { retrievalCandidates } from '@blip2/emoji';
import { parseConfig } from '../config.js';
import { evaluateRetrieval, type Retrieval } from '../evaluate/retrieval.js';
import { type Captions, evaluateCaptions, evaluateVqa, type Vqa } from '../evaluate/scenes.js';
import { loadFolder, stagesIn } from '../model/load.js';
import type { GenerationModel, LoadedModel, RetrievalModel } from '../model/loaded.js';
import type { Reporter } from './reporter.js';
import { type SeenEmoji, type SeenScenes, seeEmoji, seeScenes } from './seen.js';

export interface EvalOptions {
  /** The folder of a training run, or of one of its models. */
  readonly model: string;
  /** Only `emoji` so far: Noto's drawings, alone and in scenes. */
  readonly data: string;
  /** Scenes to ask about. Default: what the run's configuration says, else 288. */
  readonly scenes?: number;
  /** Candidates that matching scores again. Default 16. */
  readonly rerank?: number;
  readonly seed?: number;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** Shares between 0 and 1, as `--json` prints them. */
export interface EvalSummary {
  readonly retrieval?: Pick<Retrieval, 'candidates' | 'i2t' | 't2i'>;
  readonly captions?: Pick<Captions, 'cider' | 'ciderSwapped' | 'n'> & { readonly samples: readonly object[] };
  readonly vqa?: Omit<Vqa, 'answered'>;
}

/** Everything that was measured, and the pictures it was measured on. */
export interface Evaluation {
  readonly summary: EvalSummary;
  readonly retrieval?: Retrieval & { readonly texts: readonly string[] };
  readonly captions?: Captions;
  readonly vqa?: Vqa;
}

/** Scores a model on drawings that no part of it was trained on. */
export async function runEval(options: EvalOptions): Promise<EvalSummary> {
  return withTest(options, async (test) => (await evaluate(test, options)).summary);
}

/** A trained model and the test's pictures. */
export interface Test {
  readonly judge?: RetrievalModel | undefined;
  readonly speaker?: GenerationModel | undefined;
  readonly emoji: SeenEmoji;
  readonly scenes: SeenScenes;
}

/** Opens the test for `body` and frees it afterwards. */
export async function withTest<T>(options: EvalOptions, body: (test: Test) => Promise<T>): Promise<T> {
  const { model, data, reporter, signal } = options;
  if (data !== 'emoji') throw new Error(`There is no data '${data}' to score on; there is 'emoji'.`);
  const { judge, speaker } = await modelsOf(model);
  const { vision, processor } = (judge ?? speaker) as LoadedModel;
  const seen = { vision: { ...vision, processor }, reporter, signal };
  const config = await runConfig(model);
  const scenes = { count: options.scenes ?? config?.data.testScenes ?? 288, seed: options.seed ?? config?.seed ?? 0 };
  const test = {
    judge,
    speaker,
    emoji: await seeEmoji('test', retrievalCandidates(), seen),
    scenes: await seeScenes('test', scenes, seen),
  };
  try {
    return await body(test);
  } finally {
    await test.emoji.close();
    await test.scenes.close();
    judge?.dispose();
    speaker?.dispose();
  }
}

export async function evaluate(
  { judge, speaker, emoji, scenes }: Test,
  { rerank = 16, reporter, signal }: EvalOptions,
): Promise<Evaluation> {
  const decoding = { beams: 1, ...(signal ? { signal } : {}) };
  const texts = Array.from({ length: emoji.features.length }, (_, i) => captionProcessor(emoji.about(i).label));
  const progress = (task: string) => (done: number, total: number) => reporter.progress(task, done, total);
  const retrieval =
    judge &&
    (await evaluateRetrieval(
      judge.params,
      judge.config,
      { features: emoji.features, texts },
      {
        tokenizer: judge.tokenizer,
        textLength: 32,
        rerank,
        onProgress: progress('comparing'),
        ...(signal ? { signal } : {}),
      },
    ));
  const captions =
    speaker && (await evaluateCaptions(speaker, scenes, { ...decoding, onProgress: progress('captioning') }));
  const vqa = speaker && (await evaluateVqa(speaker, scenes, { ...decoding, onProgress: progress('answering') }));
  const summary: EvalSummary = {
    ...(retrieval && { retrieval: { candidates: retrieval.candidates, i2t: retrieval.i2t, t2i: retrieval.t2i } }),
    ...(captions && {
      captions: {
        cider: captions.cider,
        ciderSwapped: captions.ciderSwapped,
        n: captions.n,
        samples: captions.captioned
          .slice(0, 8)
          .map(({ caption, reference, swapped }) => ({ caption, reference, swapped })),
      },
    }),
    ...(vqa && { vqa: { accuracy: vqa.accuracy, prior: vqa.prior, n: vqa.n, types: vqa.types } }),
  };
  return {
    summary,
    ...(retrieval && { retrieval: { ...retrieval, texts } }),
    ...(captions && { captions }),
    ...(vqa && { vqa }),
  };
}

/** Both models of a training run's folder, or the one of any other. */
async function modelsOf(folder: string): Promise<Pick<Test, 'judge' | 'speaker'>> {
  const stages = await stagesIn(folder);
  const loaded: LoadedModel[] = [];
  for (const need of stages.length > 0 ? stages : [undefined]) loaded.push(await loadFolder(folder, { need }));
  return {
    judge: loaded.find((model) => model.kind === 'retrieval'),
    speaker: loaded.find((model) => model.kind === 'generation'),
  };
}

/** The configuration that a run wrote beside its models. */
async function runConfig(model: string) {
  const text = await readFile(join(model, 'config.json'), 'utf8').catch(() => undefined);
  const json: unknown = text === undefined ? undefined : JSON.parse(text);
  const isRun = typeof json === 'object' && json !== null && 'stage1' in json;
  return isRun ? parseConfig(json, `the configuration in ${model}`) : undefined;
}
