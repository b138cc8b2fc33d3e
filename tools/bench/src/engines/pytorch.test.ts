import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { suites } from '../suites.js';

const folder = new URL('./pytorch/', import.meta.url);
const source = readdirSync(folder)
  .filter((name) => name.endsWith('.py'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8'))
  .join('\n');

/** The parameters of the Python function that does the work `op`; undefined where there is none. */
function parametersOf(op: string): string[] | undefined {
  const entry = new RegExp(`"${op}": (?:.*\\()?(\\w+)(?:\\(\\*\\*sizes\\)\\))?,`).exec(source);
  const parameters = entry && new RegExp(`^def ${entry[1]}\\((.*)\\):`, 'm').exec(source);
  return parameters?.[1]?.split(', ');
}

test("PyTorch's functions have the names of the work that the suites give them", async () => {
  const works = (await suites()).flatMap(({ cases }) => cases.flatMap(({ work }) => (work ? [work] : [])));
  const compared: string[] = [];
  for (const { op, ...sizes } of works) {
    const parameters = parametersOf(op);
    if (!parameters || parameters.includes('**sizes')) continue;
    expect({ op, names: parameters.sort() }).toEqual({ op, names: Object.keys(sizes).sort() });
    compared.push(op);
  }
  expect(compared).toEqual(expect.arrayContaining(['matmul', 'attention', 'qformer', 'stage1', 'vit']));
});
