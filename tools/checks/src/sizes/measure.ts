import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { isTest, type Package } from '../workspace.js';

/** The size of a package. */
export interface Size {
  /** Bytes. */
  readonly tarball: number;
  /** Bytes. */
  readonly bundle: number;
  /** Bytes of dist/blip2.js, in some packages the file for pages without a bundler; 0 where there is none. */
  readonly prebuilt: number;
  /** Lines of the sources, tests and their helpers left out. */
  readonly lines: number;
}

export async function measure({ folder }: Package, tarball: string): Promise<Size> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'dist/index.js')],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'silent',
  });
  return {
    tarball: statSync(tarball).size,
    bundle: outputFiles.reduce((sum, file) => sum + file.contents.length, 0),
    prebuilt: statSync(join(folder, 'dist/blip2.js'), { throwIfNoEntry: false })?.size ?? 0,
    lines: countLines(join(folder, 'src')),
  };
}

function countLines(sources: string): number {
  const paths = readdirSync(sources, { recursive: true, encoding: 'utf8' });
  return paths
    .filter((path) => path.endsWith('.ts') && !isTest(path))
    .map((path) => readFileSync(join(sources, path), 'utf8').split('\n').length - 1)
    .reduce((sum, count) => sum + count, 0);
}
