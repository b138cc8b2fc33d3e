import { type Html, html, raw, toText } from './html.js';
import { imageMaker } from './image.js';
import { attentionSection } from './sections/attention.js';
import { captionsSection } from './sections/captions.js';
import { curvesSection } from './sections/curves.js';
import { questionsSection } from './sections/questions.js';
import { retrievalSection } from './sections/retrieval.js';
import { type Section, sectionHtml } from './sections/section.js';
import { splitsSection } from './sections/splits.js';
import { runLine, summary } from './sections/summary.js';
import { style } from './style.js';
import type { ReportData } from './types.js';

/** The maximum size of a report in characters, unless its texts alone are longer. */
const LIMIT = 2_000_000;
const SIDES = [160, 112, 80, 56, 40, 28];

function sections(data: ReportData, side: number): Section[] {
  const image = imageMaker(side);
  const { notes = [] } = data;
  const all = [
    splitsSection(data),
    curvesSection(data.curves),
    retrievalSection(data.retrieval, image),
    captionsSection(data, image),
    questionsSection(data.vqa, data.questions, image),
    attentionSection(data.attention, { toHtml: image, side }),
    notes.length > 0
      ? {
          id: 'notes',
          title: 'Notes',
          body: html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`,
        }
      : undefined,
  ];
  return all.filter((section) => section !== undefined);
}

/** Seconds after which the page of a run that goes on is loaded again. */
const RELOAD = 20;

const reload = ({ progress }: ReportData['run']): Html | false =>
  progress?.secondsLeft !== undefined &&
  html`<meta http-equiv="refresh" content="${RELOAD}">
`;

/** The content security policy allows only what the file itself holds. */
function page(data: ReportData, side: number): Html {
  const shown = sections(data, side);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
${reload(data.run)}<title>${data.title}</title>
<link rel="icon" href="data:,">
<style>${raw(style)}</style>
</head>
<body>
<header>
<h1>${data.title}</h1>
${runLine(data)}
<nav aria-label="Contents"><ul>${shown.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
</header>
<main>
${summary(data)}${shown.map(sectionHtml)}</main>
</body>
</html>
`;
}

/**
 * Renders a report as one HTML page that needs neither network nor scripts. Images are embedded, as large as possible (at
 * most 160 pixels per side) for a page below 2 MB.
 * @throws for attention maps whose size does not match their grid
 */
export async function renderReport(data: ReportData): Promise<string> {
  let text = '';
  for (const side of SIDES) {
    text = await toText(page(data, side));
    if (text.length < LIMIT) break;
  }
  return text;
}
