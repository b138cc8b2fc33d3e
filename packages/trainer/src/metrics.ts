import { node, reason, toPath } from './checkpoint/disk.js';

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
 * Opens a `metrics.jsonl` (Node): one JSON object per line, each with its `step`. Lines after `lastStep`, which a resumed run
 * writes again, are removed, and so is an incomplete line of a killed process.
 * @param file path or `file:` URL
 * @throws when the file cannot be read or written
 */
export async function openMetrics(file: string | URL, { lastStep = 0 }: MetricsOptions = {}): Promise<MetricsLog> {
  const path = await toPath(file);
  const { fs } = await node();
  const fail = (cause: unknown): never => {
    throw new Error(`${path} could not be written: ${reason(cause)}.`, { cause });
  };
  const text = await fs.readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const kept = text.split('\n').filter((line) => (stepOf(line) ?? Number.POSITIVE_INFINITY) <= lastStep);
  await fs.writeFile(`${path}.tmp`, kept.map((line) => `${line}\n`).join('')).catch(fail);
  await fs.rename(`${path}.tmp`, path).catch(fail);
  return {
    append: (record) => fs.appendFile(path, `${JSON.stringify(record)}\n`).catch(fail),
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
