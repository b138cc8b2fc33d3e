import { decimal, duration, percent, plural } from '../format.js';
import { type Html, html } from '../html.js';
import type { Made, ReportData, VqaScore } from '../types.js';

/** How the run was made, in one line. */
export function madeLine({ seconds, threads, backend, node, preset }: Made): Html {
  const version = node.startsWith('v') ? node.slice(1) : node;
  return html`<p class="made">Preset <b>${preset}</b>, made in ${duration(seconds)} on ${plural(threads, 'thread')} with the
${backend} backend and Node ${version}.</p>`;
}

/** The mean over questions, not over types. */
function overall(scores: readonly VqaScore[], value: (score: VqaScore) => number): number {
  const asked = scores.filter(({ n }) => n > 0);
  const total = asked.reduce((sum, { n }) => sum + n, 0);
  return asked.reduce((sum, score) => sum + value(score) * score.n, 0) / total;
}

function figure(name: string, value: string, against: string): Html {
  return html`<div><dt>${name}</dt><dd class="value">${value}</dd><dd class="against">${against}</dd></div>`;
}

/** The figures that a reader came for, each beside what it is to be held against. */
export function summary({ retrieval, captions, vqa }: ReportData): Html {
  const chance = retrieval && `chance ${percent(1 / retrieval.candidates)}`;
  return html`<dl class="figures">
${retrieval && figure('Image → text, R@1', percent(retrieval.i2t.r1), `${chance}`)}
${retrieval && figure('Text → image, R@1', percent(retrieval.t2i.r1), `${chance}`)}
${captions && figure('Captions, CIDEr', decimal(captions.cider), `${decimal(captions.ciderSwapped)} with another image’s tokens`)}
${
  vqa.length > 0 &&
  figure(
    'Questions answered',
    percent(overall(vqa, ({ accuracy }) => accuracy)),
    `${percent(overall(vqa, ({ prior }) => prior))} by the commonest answer`,
  )
}
</dl>
`;
}
