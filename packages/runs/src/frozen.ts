import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { adapterFolder } from '@blip2/models/folder';
import { starterUrl } from '@blip2/starter';
import { defaultCacheDir, isGguf } from '@blip2/tensor/files';
import type { RunConfig } from './config/schema.js';

/** The folders of the frozen models of a configuration. */
export interface FrozenFolders {
  readonly vision: string;
  readonly language: string;
  /** The BERT that initializes the Q-Former; null: random initialization. */
  readonly bert: string | null;
  /** The folder whose tokenizer the Q-Former uses: that of BERT, or of the starter's BERT. */
  readonly text: string;
}

/** The frozen models that a configuration names. */
type FrozenPart = 'vision' | 'language' | 'bert';

/** How a name begins that is relative to the cache folder (`defaultCacheDir`). */
const CACHED = 'cache:';

/**
 * Resolves the folders of a configuration; `starter` is the model of that kind in `@blip2/starter`, and `cache:PATH` is relative
 * to the cache folder.
 */
export function frozenFolders({ vision, language, bert }: Pick<RunConfig, FrozenPart>): FrozenFolders {
  const folder = (name: string, model: FrozenPart): string => {
    if (name === 'starter') return resolve(fileURLToPath(starterUrl(model)));
    return name.startsWith(CACHED) ? join(defaultCacheDir(), name.slice(CACHED.length)) : name;
  };
  return {
    vision: folder(vision, 'vision'),
    language: folder(language, 'language'),
    bert: bert === null ? null : folder(bert, 'bert'),
    text: folder(bert ?? 'starter', 'bert'),
  };
}

const weightsIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => /\.(safetensors|json)$/.test(name)).sort();

/** Computes the SHA-256 of a folder's weights and JSON files, of adapters in its subfolder too, or of a GGUF file. */
export async function fingerprint(folder: string): Promise<string> {
  const sum = createHash('sha256');
  const add = async (file: string): Promise<void> => {
    for await (const bytes of createReadStream(file)) sum.update(bytes);
  };
  if (isGguf(folder)) {
    await add(folder);
    return sum.digest('hex');
  }
  const files = await weightsIn(folder);
  const adapters = await adapterFolder(folder);
  if (adapters !== undefined && adapters !== folder) {
    files.push(...(await weightsIn(adapters)).map((name) => `${basename(adapters)}/${name}`));
  }
  for (const name of files) {
    sum.update(`${name}\n`);
    await add(join(folder, name));
  }
  return sum.digest('hex');
}
