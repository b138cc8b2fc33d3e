import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { chosen } from '../platforms/reach.js';
import { type Package, publishedPackages, root } from '../workspace.js';

/** An import map, with which a page runs the built packages without a bundler. */
export interface ImportMap {
  readonly imports: Readonly<Record<string, string>>;
  readonly scopes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What a page needs to run packages: the map, and what is served besides the packages' own files. */
export interface NativeModules {
  readonly map: ImportMap;
  /** Files of packages of the registry, each in one piece, by their paths on the server. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Entries of packages of the registry that the packages import in a browser. */
const npm: Readonly<Record<string, string>> = {
  '@huggingface/tokenizers': 'data',
  '@noble/hashes/legacy.js': 'hub',
  '@noble/hashes/sha2.js': 'hub',
  '@noble/hashes/utils.js': 'hub',
  zod: 'search',
};

/**
 * Maps every package of this workspace and what it imports in a browser. Packages are served at `/packages/NAME/`, TensorFlow.js at
 * `/tfjs/`, and others at `/npm/`.
 */
export async function nativeModules(): Promise<NativeModules> {
  const packages = publishedPackages();
  const imports: Record<string, string> = { '@tensorflow/tfjs': '/tfjs/dist/tf.fesm.min.js' };
  const scopes: Record<string, Record<string, string>> = {};
  for (const pkg of packages) {
    const { name, exports = {}, imports: own = {} } = pkg.manifest;
    for (const [key, entry] of Object.entries(exports)) {
      const [file] = chosen(entry);
      if (file?.endsWith('.js')) imports[name + key.slice(1)] = at(pkg, file);
    }
    const inner = Object.entries(own).map(([key, entry]) => [key, at(pkg, chosen(entry)[0] as string)] as const);
    if (inner.length > 0) scopes[at(pkg, '')] = Object.fromEntries(inner);
  }
  const files = new Map<string, Uint8Array>();
  for (const [specifier, owner] of Object.entries(npm)) {
    const path = `/npm/${specifier.replace(/\.js$/, '')}.js`;
    files.set(path, await inOnePiece(specifier, join(root, 'packages', owner)));
    imports[specifier] = path;
  }
  return { map: { imports, scopes }, files };
}

const at = ({ folder }: Package, file: string): string => {
  const name = folder.split(/[\\/]/).at(-1);
  return `/packages/${name}/${file.replace(/^\.\//, '')}`;
};

async function inOnePiece(specifier: string, resolveDir: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${specifier}';`, resolveDir },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.contents;
}

/** The folders behind the paths of the map. */
export function servedFolders(): Readonly<Record<string, string>> {
  const tfjs = createRequire(join(root, 'packages/backend-simd/package.json')).resolve('@tensorflow/tfjs/package.json');
  return { '/packages/': join(root, 'packages'), '/tfjs/': dirname(tfjs) };
}
