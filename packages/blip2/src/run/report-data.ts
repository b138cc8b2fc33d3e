import type { Picture } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import { queryAttention } from '../explain/attention.js';
import type { Attention, ReportData } from '../report/index.js';
import { best } from '../search/best.js';
import type { Evaluation, Test } from './eval.js';
import type { LoggedStep } from './metrics.js';

export interface ReportInput {
  readonly test: Test;
  readonly evaluation: Evaluation;
  readonly steps: readonly LoggedStep[];
  readonly made: { readonly seconds: number; readonly preset: string; readonly threads: number };
}

/** So many examples of each kind are shown. */
const SHOWN = 8;

/** What the report shows of a run: its curves, its scores, and examples spread evenly over the test. */
export async function reportData({ test, evaluation, steps, made }: ReportInput): Promise<ReportData> {
  const { emoji, scenes } = test;
  const { retrieval, captions, vqa } = evaluation;
  const curves = ([1, 2] as const).map((stage) => {
    return { stage, steps: steps.filter((logged) => logged.stage === stage) };
  });
  return {
    title: 'BLIP-2 on emoji',
    made: { ...made, backend: tf.getBackend(), node: process.version },
    curves: curves.filter((curve) => curve.steps.length > 0),
    ...(retrieval && { retrieval: sheet(retrieval, (index) => emoji.picture(index)) }),
    ...(captions && {
      captions: {
        cider: captions.cider,
        ciderSwapped: captions.ciderSwapped,
        n: captions.n,
        samples: spread(captions.captioned, SHOWN).map((sample) => ({
          ...sample,
          picture: scenes.picture(sample.picture),
        })),
      },
    }),
    vqa: vqa?.types ?? [],
    questions: spread(vqa?.answered ?? [], SHOWN).map((one) => ({ ...one, picture: scenes.picture(one.picture) })),
    attention: await attention(test),
  };
}

type Ranked = NonNullable<Evaluation['retrieval']>;

function sheet(retrieval: Ranked, picture: (index: number) => Picture): NonNullable<ReportData['retrieval']> {
  const { candidates, i2t, t2i, texts, pictureScores, textScores } = retrieval;
  const places = spread(
    Array.from({ length: candidates }, (_, i) => i),
    SHOWN,
  );
  const first = (scores: Float32Array | undefined) => best(scores ?? [], 5);
  const rank = (scores: Float32Array | undefined, right: number) => best(scores ?? [], candidates).indexOf(right) + 1;
  return {
    candidates,
    i2t,
    t2i,
    byText: places.map((place) => {
      const found = first(textScores[place]);
      return {
        text: texts[place] as string,
        right: found.indexOf(place),
        found: found.map(picture),
        labels: found.map((index) => texts[index] as string),
        rank: rank(textScores[place], place),
      };
    }),
    byPicture: places.map((place) => {
      const found = first(pictureScores[place]);
      return {
        picture: picture(place),
        label: texts[place] as string,
        found: found.map((index) => ({ text: texts[index] as string, right: index === place })),
        rank: rank(pictureScores[place], place),
      };
    }),
  };
}

/** What each query looks at in some scenes: the last cross-attention, its heads' mean, the class token left out. */
async function attention({ speaker, scenes }: Test): Promise<Attention[]> {
  if (!speaker) return [];
  const shown: Attention[] = [];
  for (const place of spread(
    Array.from({ length: scenes.features.length }, (_, i) => i),
    3,
  )) {
    const features = await scenes.features.gather([place]);
    const maps = await queryAttention(speaker, features, { layer: -1 }).finally(() => features.dispose());
    const { caption } = scenes.about(place);
    shown.push({ picture: scenes.picture(place), label: caption, maps });
  }
  return shown;
}

/** Some of many, evenly spread. */
function spread<T>(items: readonly T[], count: number): T[] {
  const step = Math.max(1, items.length / count);
  return Array.from({ length: Math.min(count, items.length) }, (_, i) => items[Math.floor(i * step)] as T);
}
