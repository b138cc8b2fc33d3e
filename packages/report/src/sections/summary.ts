import { count, decimal, duration, percent, plural } from '../format.js';
import { type Html, html } from '../html.js';
import type { ReportData, RunProgress, VqaScore } from '../types.js';

/** One line about the run: how it was made, or how far it is. */
export function runLine({ run, retrieval, captions, vqa }: ReportData): Html {
  const { seconds, threads, backend, node, preset, progress } = run;
  const version = node.startsWith('v') ? node.slice(1) : node;
  const how = html`on ${plural(threads, 'thread')} with the
${backend} backend and Node ${version}`;
  if (progress)
    return html`<p class="run">Preset <b>${preset}</b>: ${state(progress)} after ${duration(seconds)} ${how}.</p>`;
  const evaluated = retrieval || captions || vqa.length > 0;
  return html`<p class="run">Preset <b>${preset}</b>: trained ${evaluated && 'and evaluated '}in ${duration(seconds)} ${how}.</p>`;
}

function state({ stage, done, total, secondsLeft }: RunProgress): string {
  const place = `step ${count(done)} of ${count(total)} of stage ${stage}`;
  return secondsLeft === undefined ? `stopped at ${place}` : `${place}, about ${duration(secondsLeft)} left of it,`;
}

/** The mean over questions, not over types. */
function overall(scores: readonly VqaScore[], value: (score: VqaScore) => number): number {
  const measured = scores.filter(({ n }) => n > 0);
  const total = measured.reduce((sum, { n }) => sum + n, 0);
  return measured.reduce((sum, score) => sum + value(score) * score.n, 0) / total;
}

function figure(name: string, value: string, against: string): Html {
  return html`<div><dt>${name}</dt><dd class="value">${value}</dd><dd class="against">${against}</dd></div>`;
}

/** The main scores, each with its baseline. */
export function summary({ retrieval, captions, single, vqa, known }: ReportData): Html {
  const chance = retrieval && `chance ${percent(1 / retrieval.candidates)}`;
  return html`<dl class="figures">
${retrieval && figure('Image → text, R@1', percent(retrieval.i2t.r1), `${chance}`)}
${retrieval && figure('Text → image, R@1', percent(retrieval.t2i.r1), `${chance}`)}
${single && figure('Single objects, caption right', percent(single.exact), known?.single ? `${percent(known.single.exact)} on ${known.name}` : `of ${count(single.n)}`)}
${captions && figure('Captions, CIDEr', decimal(captions.cider), `${decimal(captions.ciderSwapped)} with another image’s soft prompt`)}
${
  vqa.length > 0 &&
  figure(
    'VQA accuracy',
    percent(overall(vqa, ({ accuracy }) => accuracy)),
    `${percent(overall(vqa, ({ prior }) => prior))} by the most frequent answer`,
  )
}
</dl>
`;
}
