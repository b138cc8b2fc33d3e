import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../run.js';
import type { Package } from '../workspace.js';

/** The tarball of each package, by its name. */
export type Tarballs = ReadonlyMap<string, string>;

const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];

/**
 * Calls `body` with a new ESM project in a temporary folder, into which plain npm has installed these packages: a name
 * that has a tarball comes from it, and every other from the registry. Packages that they depend on come as tarballs too,
 * since the registry may not have this version yet. The project is removed afterwards.
 *
 * @throws Error when npm fails
 */
export async function withProject<T>(
  names: readonly string[],
  tarballs: Tarballs,
  body: (project: string) => Promise<T>,
): Promise<T> {
  const project = mkdtempSync(join(tmpdir(), 'blip2-check-'));
  try {
    writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    await addPackages(project, names, tarballs);
    return await body(project);
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** Installs further packages, named with or without a version, in a project of `withProject`. */
export async function addPackages(project: string, names: readonly string[], tarballs: Tarballs): Promise<void> {
  const file = join(project, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { dependencies?: Record<string, string> };
  const versions = names.map((spec) => {
    const [, name = '', version = '*'] = /^(@?[^@]+)(?:@(.+))?$/.exec(spec) ?? [];
    return [name, tarballs.has(name) ? `file:${tarballs.get(name)}` : version];
  });
  const dependencies = { ...manifest.dependencies, ...Object.fromEntries(versions) };
  const others = [...tarballs].filter(([name]) => !(name in dependencies));
  const overrides = Object.fromEntries(others.map(([name, path]) => [name, `file:${path}`]));
  writeFileSync(file, JSON.stringify({ ...manifest, dependencies, overrides }, null, 2));
  const { code, output } = await run('npm', ['install', ...flags], { cwd: project });
  if (code !== 0) throw new Error(`npm install of ${names.join(' ')} failed: ${output.trim()}`);
}

/**
 * What a check installs: the package, the peers that it asks for from the registry, optional ones too (its types may name
 * them), and the types of Node.
 */
export function withPeers({ manifest }: Package, tarballs: Tarballs): string[] {
  const peers = Object.keys(manifest.peerDependencies ?? {});
  return [manifest.name, ...peers.filter((name) => !tarballs.has(name)), '@types/node@^20'];
}
