import type { DecodedImage } from '@blip2/data';
import { queryAttention } from '@blip2/explain';
import { fromPretrained, topK } from '@blip2/models';
import type { Attention, Bounds, Captions, ReportData, Singles } from '@blip2/report';
import { curvesOf, type Evaluation, type EvaluationContext, type LoggedStep } from '@blip2/runs';
import * as tf from '@tensorflow/tfjs';
import type { EmojiEvaluation, EncodedSplit } from './emoji-data.js';

/** What a report of a demo run is made of. */
export interface ReportInput {
  readonly context: EvaluationContext<EmojiEvaluation>;
  readonly evaluation: Evaluation;
  /** What the frozen parts reach alone. */
  readonly bounds: Bounds;
  readonly steps: readonly LoggedStep[];
  readonly run: { readonly seconds: number; readonly preset: string; readonly threads: number };
}

/** The title of the report. */
export const TITLE = 'BLIP-2 on emoji';

/** The number of examples of each kind. */
const SHOWN = 8;

/** The number of first captions that are shown of each split, as they come. */
const FIRST = 12;

/** Collects the contents of a run's report: curves, scores of both splits, their first captions, and examples spread evenly. */
export async function reportData({ context, evaluation, bounds, steps, run }: ReportInput): Promise<ReportData> {
  const { emoji, scenes, images } = context.data;
  const { retrieval, search, vqa, known } = evaluation;
  const unseen = firstCaptions(evaluation, images.unseen);
  return {
    title: TITLE,
    run: { ...run, backend: tf.getBackend(), node: process.version },
    curves: curvesOf(steps),
    ...(retrieval && { retrieval: sheet(retrieval, (index) => emoji.image(index)) }),
    ...unseen,
    ...(search && { search }),
    ...(unseen.captions && { captions: await withShipped(unseen.captions) }),
    split: 'Noto’s drawings (unseen vendor)',
    ...(known && {
      known: {
        name: 'known vendors, unseen combinations',
        ...(known.retrieval && { retrieval: known.retrieval }),
        ...firstCaptions(known, images.known),
        vqa: known.vqa?.types ?? [],
      },
    }),
    bounds,
    vqa: vqa?.types ?? [],
    questions: spread(vqa?.results ?? [], SHOWN).map((one) => ({ ...one, image: scenes.image(one.image) })),
    attention: await attention(context),
  };
}

/** The captions of a split's first scenes and single drawings, right and wrong as they come. */
function firstCaptions(
  { captions, single }: Pick<Evaluation, 'captions' | 'single'>,
  { scenes, singles }: EncodedSplit,
): { captions?: Captions; single?: Singles } {
  return {
    ...(captions && {
      captions: {
        ...captions,
        samples: captions.results.slice(0, FIRST).map((one) => ({ ...one, image: scenes.image(one.image) })),
      },
    }),
    ...(single && {
      single: {
        ...single,
        samples: single.results.slice(0, FIRST).map((one) => ({ ...one, image: singles.image(one.image) })),
      },
    }),
  };
}

/** Adds the captions of the model that ships, trained for an hour, beside those of a demo's minutes. */
async function withShipped(captions: Captions): Promise<Captions> {
  using shipped = await fromPretrained(undefined, { kind: 'generation' });
  const samples: Captions['samples'][number][] = [];
  for (const sample of captions.samples) {
    const { caption } = await shipped.caption(sample.image, { beams: 1 });
    samples.push({ ...sample, compared: { name: 'the shipped model', caption } });
  }
  return { ...captions, samples };
}

type RankedRetrieval = NonNullable<Evaluation['retrieval']>;

function sheet(
  retrieval: RankedRetrieval,
  image: (index: number) => DecodedImage,
): NonNullable<ReportData['retrieval']> {
  const { candidates, i2t, t2i, texts, imageScores, textScores } = retrieval;
  const places = spread(
    Array.from({ length: candidates }, (_, i) => i),
    SHOWN,
  );
  const first = (scores: Float32Array | undefined) => topK(scores ?? [], 5);
  const rank = (scores: Float32Array | undefined, right: number) => topK(scores ?? [], candidates).indexOf(right) + 1;
  return {
    candidates,
    i2t,
    t2i,
    byText: places.map((place) => {
      const found = first(textScores[place]);
      return {
        text: texts[place] as string,
        right: found.indexOf(place),
        found: found.map(image),
        labels: found.map((index) => texts[index] as string),
        rank: rank(textScores[place], place),
      };
    }),
    byImage: places.map((place) => {
      const found = first(imageScores[place]);
      return {
        image: image(place),
        label: texts[place] as string,
        found: found.map((index) => ({ text: texts[index] as string, right: index === place })),
        rank: rank(imageScores[place], place),
      };
    }),
  };
}

/** Cross-attention of the last layer that has it, mean over heads, without the class token, for some scenes. */
async function attention({
  generationModel,
  data: { scenes },
}: EvaluationContext<EmojiEvaluation>): Promise<Attention[]> {
  if (!generationModel) return [];
  const shown: Attention[] = [];
  for (const place of spread(
    Array.from({ length: scenes.features.length }, (_, i) => i),
    3,
  )) {
    const features = await scenes.features.gather([place]);
    const maps = await queryAttention(generationModel, features, { layer: -1 }).finally(() => features.dispose());
    const { caption } = scenes.metadata(place);
    shown.push({ image: scenes.image(place), label: caption, maps });
  }
  return shown;
}

/** Selects items that are evenly spread over a list. */
function spread<T>(items: readonly T[], count: number): T[] {
  const step = Math.max(1, items.length / count);
  return Array.from({ length: Math.min(count, items.length) }, (_, i) => items[Math.floor(i * step)] as T);
}
