import { expect, test } from '@jest/globals';
import { recipe, recipesOf } from './guide.js';
import { targets } from './targets.js';

const fence = '```';
const guide = `# Pages
## A page
${fence}sh
npm install one
cp a b   # copies
${fence}
${fence}js
// src/main.js
one();
${fence}
### vite
${fence}sh
npx vite build
${fence}
${fence}html
<!-- index.html -->
<p>
${fence}
## Servers
${fence}sh
serve
${fence}
`;

test('a recipe has the files and commands of its heading and of the one above, and installs nothing', () => {
  const files = { 'src/main.js': 'one();\n', 'index.html': '<p>\n' };
  expect(recipesOf(guide).get('vite')).toEqual({ files, commands: ['cp a b', 'npx vite build'] });
  expect(recipesOf(guide).get('Servers')).toEqual({ files: {}, commands: ['serve'] });
});

test('docs/browser.md has a recipe for each target', () => {
  for (const { heading, name } of targets) {
    const { files, commands } = recipe(heading);
    expect([name, Object.keys(files).length > 0, commands.length > 0]).toEqual([name, true, true]);
  }
});
