import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { type Checks, checksOf } from './checks.js';
import { type Folder, GOLDEN, kindOf, openFolder } from './folder.js';
import { readJson } from './json.js';
import { encoder } from './kinds/encoder.js';
import { generation } from './kinds/generation.js';
import { instruct } from './kinds/instruct.js';
import { itm } from './kinds/itm.js';
import { language } from './kinds/language.js';
import { real } from './kinds/real.js';
import { stage1 } from './kinds/stage1.js';
import { failed, type Row } from './row.js';

/** Holds one kind of folder against its golden values. */
export type Kind = (folder: Folder, checks: Checks) => Promise<void>;

const kinds: Readonly<Record<string, Kind>> = {
  encoder,
  instruct,
  itm,
  language,
  llama: generation,
  opt: generation,
  real,
  stage1,
  t5: generation,
};

export interface Report {
  readonly folder: string;
  readonly kind: string;
  readonly rows: readonly Row[];
  readonly passed: number;
  readonly failed: number;
  /** Golden tensors that are not known to this program. */
  readonly skipped: number;
}

export interface VerifyOptions {
  /** Where the images are. Default: `photos` beside the folder. */
  readonly photos?: string | undefined;
}

/**
 * Holds a folder against its golden values through the public API of the packages, on the backend that is set.
 * Whatever goes wrong is a failed row of the report. Leaves no tensor alive.
 */
export async function verifyFolder(path: string, options: VerifyOptions = {}): Promise<Report> {
  let folder: Folder | undefined;
  tf.engine().startScope('verify');
  try {
    const name = kindOf(readJson(join(path, GOLDEN)));
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (!kind) {
      const known = Object.keys(kinds).join(', ');
      return report(path, name, [failed('kind', `folders of kind '${name}' are not supported yet, only ${known}`)]);
    }
    folder = await openFolder(path, options.photos);
    const checks = checksOf(folder.tensors);
    const verify = kind.bind(null, folder, checks);
    await checks.section(name, verify);
    checks.finish();
    return report(path, name, checks.rows);
  } catch (error) {
    return report(path, 'unknown', [failed('folder', error instanceof Error ? error.message : String(error))]);
  } finally {
    tf.engine().endScope();
    await folder?.close();
  }
}

function report(folder: string, kind: string, rows: readonly Row[]): Report {
  const count = (status: Row['status']): number => rows.filter((row) => row.status === status).length;
  return { folder, kind, rows, passed: count('pass'), failed: count('fail'), skipped: count('skip') };
}
