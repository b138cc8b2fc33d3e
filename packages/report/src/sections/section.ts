import { type Html, html, type Value } from '../html.js';

/** A section of the report, to which the contents link. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

/** Renders a section. */
export function sectionHtml({ id, title, body }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-h">
<h2 id="${id}-h">${title}</h2>
${body}
</section>
`;
}

/** Makes wide content scrollable on a narrow screen, also by keyboard. */
export function scrollable(label: string, content: Value): Html {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}">${content}</div>`;
}

/** Marks an answer as correct or wrong, by shape and text and not only by color. */
export function mark(right: boolean): Html {
  return right
    ? html`<span class="mark yes" role="img" aria-label="correct">✓</span>`
    : html`<span class="mark no" role="img" aria-label="wrong">✗</span>`;
}
