import { type Html, html, type Value } from '../html.js';

/** A part of the report with a heading, which the contents link to. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

/** A section as it stands on the page. */
export function sectionHtml({ id, title, body }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-h">
<h2 id="${id}-h">${title}</h2>
${body}
</section>
`;
}

/** A wide thing that scrolls by itself on a narrow screen, also by keyboard. */
export function scrollable(label: string, content: Value): Html {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}">${content}</div>`;
}

/** Whether an answer was right, in shape and words, not in color alone. */
export function mark(right: boolean): Html {
  return right
    ? html`<span class="mark yes" role="img" aria-label="right">✓</span>`
    : html`<span class="mark no" role="img" aria-label="wrong">✗</span>`;
}
