import type { Package } from '../workspace.js';
import { nodeImports } from './reach.js';

/** Packages that run in Node alone, each with the reason for it. All others run in a page. */
export const onlyNode: Readonly<Record<string, string>> = {
  blip2: 'a command line',
  '@blip2/server': 'a server',
  '@blip2/mpi': 'loads a library of the system',
  '@blip2/emoji': 'renders drawings of packages that lie on disk',
  '@blip2/demo': 'trains on emoji',
  '@blip2/datasets': 'reads data sets of many gigabytes from disk, as streams',
  '@blip2/image-text': 'decodes images in threads, and keeps their features on disk',
  '@blip2/runs': 'run folders on disk: logs, live reports, event files',
};

/** Imported lazily, where someone asks for what needs them, and left out by whoever bundles for browsers. */
const optional = ['usearch'];

/** Holds what a package's built entries import, as a browser would resolve it, against what browsers have. */
export function checkPlatforms(pkg: Package, packages: readonly Package[]): string[] {
  if (onlyNode[pkg.manifest.name] !== undefined) return [];
  const folders = new Map(packages.map((one) => [one.manifest.name, one]));
  return nodeImports(pkg, folders, optional).map(
    ({ through, specifier }) => `A browser cannot import ${specifier}: ${through.join(' -> ')}.`,
  );
}
