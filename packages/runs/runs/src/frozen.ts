import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { type StarterModel, starterUrl } from '@blip2/starter';
import type { RunConfig } from './config/schema.js';

/** The folders of the frozen models that a configuration names. */
export interface FrozenFolders {
  readonly vision: string;
  readonly language: string;
  readonly bert: string | null;
  /** The folder whose tokenizer the Q-Former uses: BERT's, or the starter's. */
  readonly text: string;
}

export function frozenFolders({ vision, language, bert }: Pick<RunConfig, StarterModel>): FrozenFolders {
  const folder = (name: string, model: StarterModel): string =>
    name === 'starter' ? resolve(fileURLToPath(starterUrl(model))) : name;
  return {
    vision: folder(vision, 'vision'),
    language: folder(language, 'language'),
    bert: bert === null ? null : folder(bert, 'bert'),
    text: folder(bert ?? 'starter', 'bert'),
  };
}

/** Says which weights and files a folder holds: changes with any byte of them. */
export async function fingerprint(folder: string): Promise<string> {
  const sum = createHash('sha256');
  const names = (await readdir(folder)).filter((name) => /\.(safetensors|json)$/.test(name)).sort();
  for (const name of names) {
    sum.update(`${name}\n`);
    await pipeline(createReadStream(join(folder, name)), sum, { end: false });
  }
  return sum.digest('hex');
}
