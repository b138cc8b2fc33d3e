import { node, reason } from './checkpoint/node.js';

export interface MetricsLog {
  /** Adds one line. */
  append<R extends { readonly step: number }>(record: R): Promise<void>;
}

export interface MetricsOptions {
  /** Lines of later steps are dropped: the step of the checkpoint that the run resumes from. Default 0, a new file. */
  readonly through?: number;
}

/**
 * A `metrics.jsonl`: one JSON object a line, each with the `step` it was measured at. On resume it is cut back to the
 * checkpoint's step, as those that follow are made again; a line that a kill cut short goes too.
 */
export async function openMetrics(path: string, { through = 0 }: MetricsOptions = {}): Promise<MetricsLog> {
  const { fs } = await node();
  const fail = (cause: unknown): never => {
    throw new Error(`${path} could not be written: ${reason(cause)}.`, { cause });
  };
  const text = await fs.readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const kept = text.split('\n').filter((line) => (stepOf(line) ?? Number.POSITIVE_INFINITY) <= through);
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
