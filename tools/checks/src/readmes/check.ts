import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addPackages, type Tarballs } from '../packaging/project.js';
import type { Package } from '../workspace.js';
import { installLines } from './blocks.js';
import { type ReadmeOptions, runExamples } from './run-examples.js';

export interface ReadmeCheck extends ReadmeOptions {
  /** The packages that are in the project. */
  readonly installed: readonly string[];
  readonly tarballs: Tarballs;
}

/** Adds to a project what the install lines of a package's README name beside the package, and runs the examples. */
export async function checkReadme(
  { folder, manifest: { name } }: Package,
  project: string,
  { installed, tarballs, ...options }: ReadmeCheck,
): Promise<string[]> {
  const readme = join(folder, 'README.md');
  if (!existsSync(readme)) return ['It has no README.md.'];
  const asked = installLines(readFileSync(readme, 'utf8'));
  if (!asked.includes(name)) return [`The README has no line \`npm install ${name} …\` in a block of \`sh\`.`];
  const missing = asked.filter((one) => !installed.includes(one));
  if (missing.length > 0) await addPackages(project, missing, tarballs);
  return runExamples(readme, project, options);
}
