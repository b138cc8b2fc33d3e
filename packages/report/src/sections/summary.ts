import { decimal, duration, percent, plural } from '../format.js';
import { type Html, html } from '../html.js';
import type { ReportData, RunInfo, VqaScore } from '../types.js';

/** One line about the run. */
export function runLine({ seconds, threads, backend, node, preset }: RunInfo): Html {
  const version = node.startsWith('v') ? node.slice(1) : node;
  return html`<p class="run">Preset <b>${preset}</b>: trained and evaluated in ${duration(seconds)} on ${plural(threads, 'thread')} with the
${backend} backend and Node ${version}.</p>`;
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
export function summary({ retrieval, captions, vqa }: ReportData): Html {
  const chance = retrieval && `chance ${percent(1 / retrieval.candidates)}`;
  return html`<dl class="figures">
${retrieval && figure('Image → text, R@1', percent(retrieval.i2t.r1), `${chance}`)}
${retrieval && figure('Text → image, R@1', percent(retrieval.t2i.r1), `${chance}`)}
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
