import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkBrowser } from './browser/check.js';
import { checkDependencies } from './dependencies/check.js';
import { table } from './dependencies/table.js';
import { tryTarball } from './packaging/install.js';
import { lintTarball } from './packaging/lint.js';
import { packAll } from './packaging/pack.js';
import { type Result, report } from './report.js';
import { inParallel } from './run.js';
import { checkSize } from './sizes/check.js';
import { measure } from './sizes/measure.js';
import { ceilings } from './sizes/table.js';
import { type Package, publishedPackages } from './workspace.js';

const [command = 'all', ...only] = process.argv.slice(2);
if (!['dependencies', 'browser', 'package', 'sizes', 'all'].includes(command)) {
  console.error(
    `There is no check "${command}": give dependencies, browser, package, sizes or all, and after it packages to check.`,
  );
  process.exit(2);
}
const packages = publishedPackages();
const chosen = packages.filter(
  ({ manifest: { name } }) => only.length === 0 || only.includes(name.replace('@blip2/', '')),
);
const wants = (check: string): boolean => command === check || command === 'all';
const results: Result[] = [];

if (wants('dependencies')) {
  const check = (pkg: Package) => checkDependencies(pkg, table[pkg.manifest.name]);
  results.push(...chosen.map((pkg) => ({ name: `dependencies ${pkg.manifest.name}`, problems: check(pkg) })));
}

if (wants('package') || wants('sizes')) {
  const folder = mkdtempSync(join(tmpdir(), 'blip2-packs-'));
  try {
    const tarballs = await packAll(packages, folder);
    const tarballOf = (pkg: Package): string => tarballs.get(pkg.manifest.name) as string;
    const each = async (check: string, width: number, work: (pkg: Package) => Promise<string[]>): Promise<void> => {
      if (!wants(check)) return;
      const problems = await inParallel(chosen, width, (pkg) => work(pkg).catch((error: Error) => [error.message]));
      results.push(
        ...chosen.map((pkg, i) => ({ name: `${check} ${pkg.manifest.name}`, problems: problems[i] as string[] })),
      );
    };
    await each('sizes', 1, async (pkg) => checkSize(await measure(pkg, tarballOf(pkg)), ceilings[pkg.manifest.name]));
    await each('package', 2, async (pkg) => [
      ...(await lintTarball(pkg, tarballOf(pkg))),
      ...(await tryTarball(pkg, tarballs)),
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (wants('browser')) {
  const failed = (error: Error): Result[] => [{ name: 'browser', problems: [error.message] }];
  results.push(...(await checkBrowser().catch(failed)));
}

if (!report(results)) process.exitCode = 1;
