import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkApiDocs } from './api-docs.js';
import { checkBrowser } from './browser/check.js';
import { checkWebgpu } from './browser/check-webgpu.js';
import { checkBundles } from './bundles/check.js';
import { findCycles } from './cycles/find.js';
import { importGraph } from './cycles/graph.js';
import { checkDependencies } from './dependencies/check.js';
import { table } from './dependencies/table.js';
import { checkDeclarations } from './packaging/declarations.js';
import { checkFirstAnswer } from './packaging/first-answer.js';
import { lintTarball } from './packaging/lint.js';
import { packAll } from './packaging/pack.js';
import { type Tarballs, withPeers, withProject } from './packaging/project.js';
import { usePackage } from './packaging/use.js';
import { checkPlatforms } from './platforms/check.js';
import { installLines } from './readmes/blocks.js';
import { checkReadme } from './readmes/check.js';
import { runExamples, startLocalHub } from './readmes/run-examples.js';
import { type Result, report } from './report.js';
import { inParallel } from './run.js';
import { checkSite } from './site/check.js';
import { checkSize } from './sizes/check.js';
import { measure } from './sizes/measure.js';
import { ceilings } from './sizes/table.js';
import { checkWorkflows } from './workflows.js';
import { type Package, publishedPackages, root, workspaceFolders } from './workspace.js';

const checks = [
  'dependencies',
  'cycles',
  'api-docs',
  'workflows',
  'platforms',
  'browser',
  'bundles',
  'site',
  'webgpu',
  'package',
  'declarations',
  'readmes',
  'sizes',
  'first-answer',
  'all',
];
const [command = 'all', ...only] = process.argv.slice(2);
if (!checks.includes(command)) {
  const names = checks.join(', ').replace(/, ([\w-]+)$/, ' or $1');
  console.error(`There is no check "${command}": give ${names}, and after it packages to check.`);
  process.exit(2);
}
const packages = publishedPackages();
const chosen = packages.filter(
  ({ manifest: { name } }) => only.length === 0 || only.includes(name.replace('@blip2/', '')),
);
const wants = (...some: string[]): boolean => command === 'all' || some.includes(command);
const results: Result[] = [];

/** Runs one check; what it throws is a problem too. */
async function check(name: string, work: () => string[] | Promise<string[]>): Promise<void> {
  const problems = await (async () => work())().catch((error: Error) => [error.message]);
  results.push({ name, problems });
}

/** Of a check that reports for itself, what it throws. */
const failed =
  (name: string) =>
  (error: Error): Result[] => [{ name, problems: [error.message] }];

/** What packed packages are like: their sizes, their files and types, and their READMEs. */
async function checkTarballs(folder: string): Promise<void> {
  const tarballs = await packAll(packages, folder);
  const tarballOf = (pkg: Package): string => tarballs.get(pkg.manifest.name) as string;
  if (wants('sizes')) {
    for (const pkg of chosen) {
      const { name } = pkg.manifest;
      await check(`sizes ${name}`, async () => checkSize(await measure(pkg, tarballOf(pkg)), ceilings[name]));
    }
  }
  if (wants('declarations')) await checkAllDeclarations(tarballs);
  if (wants('bundles')) {
    const names = command === 'bundles' && only.length > 0 ? only : undefined;
    results.push(...(await checkBundles(tarballs, names).catch(failed('bundles'))));
  }
  // Half a minute of installing for what other checks do in parts: not one of all.
  if (command === 'first-answer') results.push(...(await checkFirstAnswer(tarballs).catch(failed('first answer'))));
  if (!wants('package', 'readmes')) return;
  const hub = await startLocalHub();
  const options = {
    endpoint: hub.endpoint,
    ...(process.env.VERBOSE && { onOutput: (line: number, output: string) => console.log(`${line}: ${output}`) }),
  };
  try {
    await inParallel(chosen, 2, async (pkg) => {
      const { name } = pkg.manifest;
      const installed = withPeers(pkg, tarballs);
      const inProject = async (project: string): Promise<void> => {
        if (wants('package')) await check(`package ${name}`, () => usePackage(pkg, project));
        if (wants('readmes')) {
          await check(`readmes ${name}`, () => checkReadme(pkg, project, { installed, tarballs, ...options }));
        }
      };
      if (wants('package')) await check(`tarball ${name}`, () => lintTarball(pkg, tarballOf(pkg)));
      await withProject(installed, tarballs, inProject).catch((error: Error) => {
        results.push({ name: `package ${name}`, problems: [error.message] });
      });
    });
    if (wants('readmes') && (only.length === 0 || only.includes('root'))) {
      const readme = join(root, 'README.md');
      const named = installLines(readFileSync(readme, 'utf8'));
      const installed = named.length > 0 ? named : ['blip2', '@tensorflow/tfjs'];
      await check('readmes root', () =>
        withProject(installed, tarballs, (project) => runExamples(readme, project, options)),
      );
    }
  } finally {
    await hub.close();
  }
}

async function checkAllDeclarations(tarballs: Tarballs): Promise<void> {
  const names = new Set(chosen.flatMap((pkg) => withPeers(pkg, tarballs)));
  const found = await withProject([...names], tarballs, (project) => checkDeclarations(chosen, project)).catch(
    (error: Error) => new Map([['of all packages', [error.message]]]),
  );
  results.push(...[...found].map(([name, problems]) => ({ name: `declarations ${name}`, problems })));
}

if (wants('dependencies')) {
  for (const pkg of chosen) {
    const { name } = pkg.manifest;
    await check(`dependencies ${name}`, () => checkDependencies(pkg, table[name]));
  }
}

if (wants('cycles')) {
  await check('cycles', () => {
    const cycles = findCycles(importGraph(root, workspaceFolders()));
    return cycles.map((files) => `These files import each other: ${files.join(' -> ')}`);
  });
}

if (wants('api-docs')) await check('api-docs', checkApiDocs);
if (wants('workflows')) await check('workflows', checkWorkflows);

if (wants('platforms')) {
  for (const pkg of chosen) {
    await check(`platforms ${pkg.manifest.name}`, () => checkPlatforms(pkg, packages));
  }
}

if (wants('package', 'declarations', 'readmes', 'sizes', 'bundles', 'first-answer')) {
  const folder = mkdtempSync(join(tmpdir(), 'blip2-packs-'));
  try {
    await checkTarballs(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (wants('browser')) {
  results.push(...(await checkBrowser().catch(failed('browser'))));
}

if (wants('site')) {
  const long = command === 'site' && only.includes('long') ? { steps: 200, captioned: 60 } : undefined;
  results.push(...(await checkSite(long).catch(failed('site'))));
}

if (command === 'webgpu') results.push(...(await checkWebgpu())); // minutes, and so not one of all

if (!report(results)) process.exitCode = 1;
