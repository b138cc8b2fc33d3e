import { appendText, readText, renamePath, toPath, writeBytes } from '@blip2/tensor/files';
import { reason } from './checkpoint/disk.js';

/** An open `metrics.jsonl`. */
export interface MetricsLog {
  /** Appends a record as one line. @throws when the disk refuses */
  append<R extends { readonly step: number }>(record: R): Promise<void>;
}

/** Options of `openMetrics`. */
export interface MetricsOptions {
  /** The last step to keep: that of the checkpoint from which the run resumes. Default 0, an empty file. */
  readonly lastStep?: number;
}

/**
 * Opens a `metrics.jsonl`: one JSON object per line, each with its `step`. Lines after `lastStep`, which a resumed run
 * writes again, are removed, and so is an incomplete line of a killed process.
 * @param file path or `file:` URL
 * @throws when the file cannot be read or written
 */
export async function openMetrics(file: string | URL, { lastStep = 0 }: MetricsOptions = {}): Promise<MetricsLog> {
  const path = toPath(file);
  const fail = (cause: unknown): never => {
    throw new Error(`${path} could not be written: ${reason(cause)}.`, { cause });
  };
  const text = await readText(path).catch((error: { code?: string }) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const kept = text.split('\n').filter((line) => (stepOf(line) ?? Number.POSITIVE_INFINITY) <= lastStep);
  await writeBytes(`${path}.tmp`, kept.map((line) => `${line}\n`).join('')).catch(fail);
  await renamePath(`${path}.tmp`, path).catch(fail);
  return {
    append: (record) => appendText(path, `${JSON.stringify(record)}\n`).catch(fail),
  };
}

function stepOf(line: string): number | undefined {
  try {
    const { step } = JSON.parse(line) as { step?: unknown };
    return typeof step === 'number' ? step : undefined;
  } catch {
    return undefined;
  }
}
