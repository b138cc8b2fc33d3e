import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { captionProcessor } from '@blip2/data';
import { retrievalCandidates } from '@blip2/emoji';
import type { VisionEncoder } from '@blip2/vision';
import { parseConfig } from '../config.js';
import { Disposables } from '../disposables.js';
import { evaluateRetrieval, type Retrieval } from '../evaluate/retrieval.js';
import { type Captions, evaluateCaptions, evaluateVqa, type Vqa } from '../evaluate/scenes.js';
import { resolveModel } from '../hub/index.js';
import { loadFolder, stagesIn } from '../model/load.js';
import type { GenerationModel, LoadedModel, RetrievalModel } from '../model/loaded.js';
import type { Reporter } from './reporter.js';
import { type SeenEmoji, type SeenScenes, seeEmoji, seeScenes } from './seen.js';

export interface EvalOptions {
  /** The folder of a training run, or of one of its models; or a name on the hub. */
  readonly model: string;
  /** Only `emoji` so far: Noto's drawings, alone and in scenes. */
  readonly data: string;
  /** Scenes to ask about. Default: what the run's configuration says, else 288. */
  readonly scenes?: number;
  /** Candidates that matching scores again. Default 0: after a short training contrast knows better than matching. */
  readonly rerank?: number;
  readonly seed?: number;
  /** The encoder that the model was trained with, where its folder keeps the name alone; borrowed. */
  readonly vision?: VisionEncoder | undefined;
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
  /** Longest text in tokens. */
  readonly textLength: number;
  readonly emoji: SeenEmoji;
  readonly scenes: SeenScenes;
}

/** Opens the test for `body` and frees it afterwards. */
export async function withTest<T>(options: EvalOptions, body: (test: Test) => Promise<T>): Promise<T> {
  const { data, reporter, signal } = options;
  if (data !== 'emoji') throw new Error(`There is no data '${data}' to score on; there is 'emoji'.`);
  const model = await folderOf(options);
  const made = new Disposables();
  try {
    const config = await runConfig(model);
    const { judge, speaker } = await modelsOf(model, made, options.vision);
    const { vision, processor } = (judge ?? speaker) as LoadedModel;
    const seen = { vision: { ...vision, processor }, reporter, signal };
    const scenes = { count: options.scenes ?? config?.data.testScenes ?? 288, seed: options.seed ?? config?.seed ?? 0 };
    const close = (data: { close(): Promise<void> }): Promise<void> => data.close();
    return await body({
      judge,
      speaker,
      textLength: config?.data.textLength ?? 35,
      emoji: made.add(await seeEmoji('test', retrievalCandidates(), seen), close),
      scenes: made.add(await seeScenes('test', scenes, seen), close),
    });
  } finally {
    await made.close();
  }
}

export async function evaluate(
  { judge, speaker, emoji, scenes, textLength }: Test,
  { rerank = 0, reporter, signal }: EvalOptions,
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
        textLength,
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

const MB = 1e6;

const folderOf = ({ model, reporter, signal }: EvalOptions): Promise<string> =>
  resolveModel(model, {
    signal,
    onDownload: ({ done, total }) =>
      reporter.progress('downloading (MB)', Math.round(done / MB), Math.round(total / MB)),
    onNote: (text) => reporter.note(text),
  });

/** Both models of a training run's folder, which look with the same encoder, or the one of any other. */
async function modelsOf(
  folder: string,
  made: Disposables,
  vision?: VisionEncoder,
): Promise<Pick<Test, 'judge' | 'speaker'>> {
  const stages = await stagesIn(folder);
  const loaded: LoadedModel[] = [];
  for (const need of stages.length > 0 ? stages : [undefined]) {
    const model = await loadFolder(folder, { need, vision: vision ?? loaded[0]?.vision });
    loaded.push(made.add(model, () => model.dispose()));
  }
  return {
    judge: loaded.find((model) => model.kind === 'retrieval'),
    speaker: loaded.find((model) => model.kind === 'generation'),
  };
}

/** The configuration that a run wrote beside its models: in the folder itself or, of one model, in the one above. */
async function runConfig(model: string) {
  for (const folder of [model, dirname(resolve(model))]) {
    const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => '{}');
    const json: unknown = JSON.parse(text);
    const isRun = typeof json === 'object' && json !== null && 'stage1' in json;
    if (isRun) return parseConfig(json, `the configuration in ${folder}`);
  }
  return undefined;
}
