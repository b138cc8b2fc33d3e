import { statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Package } from '../workspace.js';

/** What a package weighs, in bytes. */
export interface Size {
  readonly tarball: number;
  readonly bundle: number;
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
  return { tarball: statSync(tarball).size, bundle: outputFiles.reduce((sum, file) => sum + file.contents.length, 0) };
}
