import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { starterUrl } from '@blip2/starter';
import type { Service } from './api/context.js';

/** The folder of the web page's built files, where this package has them. */
export const pageFolder = fileURLToPath(new URL('../page', import.meta.url));

/** The folder of the starter's models, which the page loads from `starter/`. */
export const starterFolder = fileURLToPath(new URL('..', starterUrl('blip2')));

/** Whether there is a built page. */
export const hasPage = (): boolean => existsSync(join(pageFolder, 'index.html'));

/** Headers that let a page use threads. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** A page that says what the server has, for where there is no built one. */
export function plainPage({ model, info, limits, apiKey, allowRemote }: Service): string {
  const { generates, matches, indexed } = info;
  const rows: [path: string, what: string, available: boolean][] = [
    ['POST /v1/chat/completions', 'captions, answers and dialogues, as OpenAI has it, with images', generates],
    ['POST /v1/rerank', 'images for a text, or texts for an image, by ITM', matches],
    ['POST /v1/embeddings', 'vectors of texts and images, in one space', matches],
    [
      'GET, POST /search',
      indexed === undefined ? 'needs --index FILE' : `${indexed} images, by text or by image`,
      indexed !== undefined,
    ],
    ['GET /v1/models', 'the model', true],
    ['GET /health', 'whether the model runs', true],
    ['GET /metrics', 'what Prometheus reads', true],
  ];
  const row = ([path, what, available]: (typeof rows)[number]): string =>
    `<tr><th scope="row"><code>${path}</code></th><td>${escapeHtml(what)}</td><td>${available ? 'yes' : 'no'}</td></tr>`;
  const body = { model, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'IMAGE' } }] }] };
  const key = apiKey === undefined ? '' : ` \\\n  -H 'authorization: Bearer KEY'`;
  const url = `'"data:image/png;base64,$(base64 < cat.png | tr -d '\\n')"'`;
  const curl = `curl -s ORIGIN/v1/chat/completions${key} -H 'content-type: application/json' --data-binary @- <<END
${JSON.stringify(body).replace('IMAGE', url.slice(2, -2))}
END`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>BLIP-2: ${escapeHtml(model)}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: 0.25rem 1rem 0.25rem 0; vertical-align: top; }
pre { overflow-x: auto; padding: 1rem; background: #8881; }
</style>
</head>
<body>
<h1>BLIP-2</h1>
<p>This server has the model <code>${escapeHtml(model)}</code>. ${apiKey === undefined ? '' : 'Requests need its API key. '}Images are
data URLs${allowRemote ? ' or addresses of http and https' : ''}, of at most ${limits.pixels / 1e6} million pixels.</p>
<table>
<thead><tr><th scope="col">endpoint</th><th scope="col">what it does</th><th scope="col">here</th></tr></thead>
<tbody>
${rows.map(row).join('\n')}
</tbody>
</table>
<h2>Caption an image</h2>
<pre><code id="curl">${escapeHtml(curl)}</code></pre>
<script>
const code = document.getElementById('curl');
code.textContent = code.textContent.replace('ORIGIN', location.origin);
</script>
</body>
</html>
`;
}
