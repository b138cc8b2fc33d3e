import { cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { convertModel, type Quantization } from '@blip2/convert';
import { emojiData } from '@blip2/demo';
import { type Evaluation, evaluate, withEvaluation } from '@blip2/runs';

/** What people see of a model in one precision, beside float32. */
export interface QuantizedScores {
  readonly weights: 'float32' | Quantization;
  /** Bytes of both stages' folders. */
  readonly bytes: number;
  readonly retrieval: { readonly i2t: number; readonly t2i: number; readonly first: number };
  readonly captions: { readonly exact: number; readonly cider: number; readonly same: number };
  readonly single: { readonly exact: number; readonly same: number };
  readonly answers: { readonly accuracy: number; readonly same: number };
  readonly seconds: number;
}

const STAGES = ['stage1', 'stage2'] as const;

/**
 * Quantizes a training run's models, and scores each on the emoji data beside float32: recall, captions and answers, and the
 * share of captions, answers and first matches that are the same as with float32.
 * @param model the folder of a training run
 * @param work is written
 */
export async function scoreQuantized(
  model: string,
  { work, names }: { readonly work: string; readonly names: readonly Quantization[] },
): Promise<QuantizedScores[]> {
  let reference: Evaluation | undefined;
  const rows: QuantizedScores[] = [];
  for (const weights of ['float32', ...names] as const) {
    const folder = join(work, weights);
    await mkdir(folder, { recursive: true });
    await cp(join(model, 'training.json'), join(folder, 'training.json'));
    let bytes = 0;
    for (const stage of STAGES) {
      const options = weights === 'float32' ? { dtype: 'f32' as const } : { quantize: weights };
      bytes += (await convertModel(join(model, stage), join(folder, stage), options)).bytes;
    }
    const start = performance.now();
    const evaluation = await withEvaluation({ model: folder, data: emojiData }, ({ data, ...context }) => {
      const { known, ...unseen } = data;
      return evaluate({ ...context, data: unseen }, {});
    });
    reference ??= evaluation;
    rows.push({ weights, bytes, ...rowOf(evaluation, reference), seconds: (performance.now() - start) / 1000 });
  }
  return rows;
}

function rowOf(evaluation: Evaluation, reference: Evaluation): Omit<QuantizedScores, 'weights' | 'bytes' | 'seconds'> {
  const { retrieval, captions, single, vqa } = evaluation;
  if (!retrieval || !captions || !single || !vqa)
    throw new Error('The model lacks a stage; give the folder of a run of both.');
  const texts = (results: readonly { readonly caption: string }[] = []) => results.map(({ caption }) => caption);
  const answers = (results: readonly { readonly answer: string }[] = []) => results.map(({ answer }) => answer);
  const firsts = (scores: readonly Float32Array[] = []) => scores.map((row) => row.indexOf(Math.max(...row)));
  return {
    retrieval: {
      i2t: retrieval.i2t.r1,
      t2i: retrieval.t2i.r1,
      first: same(firsts(retrieval.imageScores), firsts(reference.retrieval?.imageScores)),
    },
    captions: {
      exact: captions.exact,
      cider: captions.cider,
      same: same(texts(captions.results), texts(reference.captions?.results)),
    },
    single: { exact: single.exact, same: same(texts(single.results), texts(reference.single?.results)) },
    answers: { accuracy: vqa.accuracy, same: same(answers(vqa.results), answers(reference.vqa?.results)) },
  };
}

/** The share of equal items. */
const same = <T>(a: readonly T[], b: readonly T[]): number => a.filter((item, i) => item === b[i]).length / a.length;

const HEAD = [
  '| weights | MB | text of an image: R@1, first the same | image of a text: R@1 | scenes: exact, CIDEr, the same | single drawings: exact, the same | answers: accuracy, the same |',
  '|---|--:|---|---|---|---|---|',
];

/** The scores as a table of Markdown. */
export function quantizedTable(rows: readonly QuantizedScores[]): string {
  const share = (x: number): string => x.toFixed(3);
  const lines = rows.map(({ weights, bytes, retrieval, captions, single, answers }) =>
    [
      '',
      weights,
      (bytes / 1e6).toFixed(1),
      `${share(retrieval.i2t)}, ${share(retrieval.first)}`,
      share(retrieval.t2i),
      `${share(captions.exact)}, ${captions.cider.toFixed(2)}, ${share(captions.same)}`,
      `${share(single.exact)}, ${share(single.same)}`,
      `${share(answers.accuracy)}, ${share(answers.same)}`,
      '',
    ]
      .join(' | ')
      .trim(),
  );
  return [...HEAD, ...lines].join('\n');
}

/** Replaces what stands between `<!-- NAME -->` and `<!-- /NAME -->` in a file. @throws where the marks are missing */
export async function replaceMarked(file: string, name: string, text: string): Promise<void> {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const old = await readFile(file, 'utf8');
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`'${file}' has no ${begin} and ${end}; put them where the table goes.`);
  await writeFile(`${file}.tmp`, `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`);
  await rename(`${file}.tmp`, file);
}
