import type { ImageSource } from '@blip2/data';
import type { Models } from '@blip2/models';
import { createFile, type NewFile } from '@blip2/tensor/files';
import { rasterize } from '#platform';
import { type ExplainOptions, type Explanation, explain } from '../explain.js';
import { renderSheet } from './render-sheet.js';
import { escapeXml } from './svg.js';

/** Options of {@link writeSheet}. */
export interface SheetOptions extends ExplainOptions {
  /** The file to write. Its ending says the format: `.png`, `.svg` or `.html`. */
  readonly out: string;
}

/** Pixels to a unit of the drawing in a PNG. */
const DENSITY = 2;

const formats: Readonly<Record<string, (svg: string, explanation: Explanation) => Promise<Uint8Array | string>>> = {
  '.png': (svg) => rasterize(svg, DENSITY),
  '.svg': async (svg) => `${svg}\n`,
  '.html': async (svg, explanation) => page(svg, explanation),
};

/** The endings of file names that {@link writeSheet} takes. */
export const sheetEndings: readonly string[] = Object.keys(formats);

/**
 * Explains an image and writes the sheet of {@link renderSheet} to a file: as PNG, 2160 pixels wide, as SVG, or as an HTML
 * page with the values in a table. The file is replaced at once or, where something fails, left as it was.
 * @throws for another ending than .png, .svg or .html, before anything is computed; where the file cannot be written; and
 * as {@link explain} does
 */
export async function writeSheet(models: Models, image: ImageSource, { out, ...options }: SheetOptions): Promise<void> {
  const format = formats[endingOf(out)];
  if (!format) throw new Error(`'${out}' ends in none of ${sheetEndings.join(', ')}; the ending says the format.`);
  const explanation = await explain(models, image, options);
  const content = await format(await renderSheet(explanation), explanation);
  let file: NewFile | undefined;
  try {
    file = await createFile(out);
    await file.write(typeof content === 'string' ? new TextEncoder().encode(content) : content);
    await file.finish();
    await file.commit();
  } catch (error) {
    await file?.discard();
    const { code } = error as { code?: string };
    throw new Error(`The sheet could not be written to '${out}' (${code}); check the path.`, { cause: error });
  }
}

const endingOf = (path: string): string => /\.[^./\\]+$/.exec(path)?.[0].toLowerCase() ?? '';

const style = `body { margin: 0; padding: 2rem 1rem; background: #f4f3f7; color: #1d1b26; font: 0.9375rem/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; } svg { display: block; width: 100%; height: auto; border-radius: 12px; }
details { margin-top: 1.5rem; } summary { cursor: pointer; } table { margin-top: 1rem; border-collapse: collapse; }
th, td { padding: 0.25rem 1.5rem 0.25rem 0; text-align: left; font-weight: 400; } thead th { color: #6a6777; }
td { font-variant-numeric: tabular-nums; } tbody tr { border-top: 1px solid #e3e1e9; }`;

function page(svg: string, { text, queries }: Explanation): string {
  const size = queries.rows * queries.columns;
  const rows = [
    ...(text
      ? [['ITM probability', text.itm.toFixed(4)] as const, ['ITC similarity', text.itc.toFixed(4)] as const]
      : []),
    ...(text?.words.words.map((word, i) => [`relevance of '${word}'`, text.words.shares[i]!.toFixed(4)] as const) ??
      []),
    ...Array.from({ length: queries.values.length / size }, (_, q) => {
      const peak = Math.max(...queries.values.subarray(q * size, (q + 1) * size));
      return [`query ${q + 1}, strongest patch`, peak.toFixed(4)] as const;
    }),
  ];
  const body = rows.map(([name, value]) => `<tr><th scope="row">${escapeXml(name)}</th><td>${value}</td></tr>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(text ? `BLIP-2: ${text.text}` : 'BLIP-2: cross-attention of each query')}</title>
<style>
${style}
</style>
</head>
<body>
<main>
${svg}
<details>
<summary>Values</summary>
<table>
<thead><tr><th scope="col">name</th><th scope="col">value</th></tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table>
</details>
</main>
</body>
</html>
`;
}
