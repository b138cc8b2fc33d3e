import { stripVTControlCharacters } from 'node:util';
import { run } from './run.js';
import { root } from './workspace.js';

/** What is wrong with the doc comments, by typedoc: references that lead nowhere, and exports without a comment. */
export async function checkApiDocs(): Promise<string[]> {
  const typedoc = ['tools/docs/node_modules/typedoc/bin/typedoc', '--options', 'tools/docs/typedoc.config.js'];
  // Warnings as errors would end it after the first of its stages.
  const flags = ['--emit', 'none', '--treatWarningsAsErrors', 'false', '--treatValidationWarningsAsErrors', 'false'];
  const { code, output } = await run(process.execPath, [...typedoc, ...flags], { cwd: root });
  const lines = stripVTControlCharacters(output).split('\n');
  const problems = lines.filter((line) => /\[(warning|error)\]/.test(line) && !/Found \d+ errors/.test(line));
  return code !== 0 && problems.length === 0 ? [output.trim()] : problems;
}
