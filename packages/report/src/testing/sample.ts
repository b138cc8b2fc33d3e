import type { DecodedImage } from '@blip2/data';
import type { ReportData } from '../types.js';

/** Random bytes, the same for a seed: what PNG cannot make smaller. */
export function noise(width: number, height: number, seed: number): DecodedImage {
  let state = seed + 1;
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return { width, height, data };
}

/** A small report with everything in it, its words by `word`. */
export function withText(word: string): ReportData {
  const image = noise(12, 8, 1);
  const other = noise(12, 8, 2);
  const steps = Array.from({ length: 70 }, (_, i) => ({
    step: i + 1,
    losses: { total: 12 - i / 10, [word]: 5 - i / 20, itm: 7 - i / 20 },
    lr: 1e-4 * Math.min(1, i / 10),
  }));
  return {
    title: word,
    run: { seconds: 492, threads: 2, backend: word, node: 'v20.19.0', preset: word },
    curves: [
      { stage: 1, steps },
      { stage: 2, steps: steps.slice(0, 5) },
    ],
    retrieval: {
      candidates: 400,
      i2t: { r1: 0.305, r5: 0.59, r10: 0.7 },
      t2i: { r1: 0.2875, r5: 0.6, r10: 0.72 },
      byText: [
        { text: word, right: 1, found: [image, other], labels: [word, word] },
        { text: word, right: -1, found: [other, image], rank: 31 },
      ],
      byImage: [
        {
          image,
          label: word,
          found: [
            { text: word, right: true },
            { text: word, right: false },
          ],
        },
      ],
    },
    captions: {
      cider: 3.2,
      ciderSwapped: 0.6,
      n: 300,
      samples: [{ image, caption: word, reference: word, swapped: '' }],
    },
    vqa: [
      { type: 'is there', accuracy: 0.8, prior: 0.5, n: 300 },
      { type: 'what', accuracy: 0.4, prior: 0.2, n: 100 },
      { type: word, accuracy: Number.NaN, prior: 0, n: 0 },
    ],
    questions: [{ image, question: word, answer: word, right: 'two' }],
    attention: [{ image, label: word, maps: { rows: 2, columns: 2, values: new Float32Array(12).fill(0.25) } }],
    notes: [word],
  };
}

/** The same report with another split, single objects, and what the parts reach alone. */
export function withSplits(word: string): ReportData {
  const data = withText(word);
  const [image, other] = [noise(12, 8, 3), noise(12, 8, 4)];
  const samples = [
    { image, caption: word, reference: word, exact: true },
    { image: other, caption: '', reference: word, exact: false },
  ];
  const captions = { ...data.captions!, exact: 0.125, samples: samples.map((one) => ({ ...one, swapped: word })) };
  const single = { exact: 0.58, n: 85, samples };
  return {
    ...data,
    ...{ captions, single, search: { images: 85, t2i: { r1: 0.764 } }, split: word },
    known: { name: 'known drawings', retrieval: data.retrieval, captions, single: { ...single, exact: 0.82 }, vqa: [] },
    bounds: {
      retrieval: { r1: 0.873, r5: 0.978 },
      captions: { exact: 0.82 },
      vqa: { types: [{ type: 'what', accuracy: 0.93 }] },
    },
  };
}

export const sample = (): ReportData => withText('a red apple');
