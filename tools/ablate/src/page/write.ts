import { mkdir, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Results } from '../results.js';
import { render } from './render.js';

const docs = new URL('../../../../docs/', import.meta.url);

/** Writes `docs/findings.md` and its plots, each file as a whole or not at all. */
export async function writeFindings(results: Results): Promise<void> {
  const { text, plots } = render(results);
  await mkdir(new URL('images/', docs), { recursive: true });
  for (const [name, svg] of Object.entries(plots)) await write(new URL(`images/${name}`, docs), svg);
  await write(new URL('findings.md', docs), text);
}

async function write(url: URL, text: string): Promise<void> {
  const path = fileURLToPath(url);
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}
