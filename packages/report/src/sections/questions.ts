import { count, percent, times } from '../format.js';
import { type Html, html } from '../html.js';
import type { ImageMaker } from '../image.js';
import type { Question, VqaScore } from '../types.js';
import { mark, type Section, scrollable } from './section.js';

const clamp = (share: number) => Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));

/** A bar for the accuracy with a line for the prior. The numbers are in the cells beside it. */
function bar(accuracy: number, prior: number): Html {
  return html`<svg class="bar" viewBox="0 0 200 14" width="200" height="14" aria-hidden="true"><rect class="track" width="200" height="14" rx="2"/>
<rect class="fill" width="${(200 * clamp(accuracy)).toFixed(1)}" height="14" rx="2"/><path d="M${(200 * clamp(prior)).toFixed(1)} -2v18"/></svg>`;
}

function scoreTable(scores: readonly VqaScore[]): Html {
  const rows = scores.map(
    ({
      type,
      accuracy,
      prior,
      n,
    }) => html`<tr><th scope="row">${type}</th><td>${count(n)}</td><td class="main">${percent(accuracy)}</td>
<td>${percent(prior)}</td><td>${times(accuracy / prior)}</td><td class="bars">${bar(accuracy, prior)}</td></tr>
`,
  );
  return scrollable(
    'Accuracy by type of question',
    html`<table class="scores"><caption>Accuracy by type of question. Prior: always giving the most frequent answer of the type (the line across the bar)</caption>
<thead><tr><th scope="col">Question</th><th scope="col">questions</th><th scope="col">accuracy</th><th scope="col">prior</th>
<th scope="col">ratio</th><td></td></tr></thead><tbody>${rows}</tbody></table>`,
  );
}

function sample({ image, question, answer, right }: Question, toHtml: ImageMaker): Html {
  const correct = answer.trim().toLowerCase() === right.trim().toLowerCase();
  return html`<li>${toHtml(image, `Image for the question: ${question}`)}<div><p>${question}</p>
<p class="said">${answer || html`<em>empty</em>`} ${mark(correct)}</p>${!correct && html`<p class="hint">correct: ${right}</p>`}</div></li>
`;
}

/** Renders VQA accuracy with examples; undefined where there are none. */
export function questionsSection(
  scores: readonly VqaScore[],
  questions: readonly Question[],
  toHtml: ImageMaker,
): Section | undefined {
  if (scores.length === 0 && questions.length === 0) return undefined;
  const body = html`${scores.length > 0 && scoreTable(scores)}
${questions.length > 0 && html`<ul class="cards">${questions.map((question) => sample(question, toHtml))}</ul>`}`;
  return { id: 'questions', title: 'Questions', body };
}
