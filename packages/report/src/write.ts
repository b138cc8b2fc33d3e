import { open, rename, rm } from 'node:fs/promises';
import { renderReport } from './report.js';
import type { ReportData } from './types.js';

/**
 * {@link renderReport} into a file, which is whole or, where something fails, as it was before.
 *
 * @throws one sentence where the file cannot be written.
 */
export async function writeReport(path: string, data: ReportData): Promise<void> {
  const text = await renderReport(data);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (reason) {
    await rm(temporary, { force: true }).catch(() => {});
    const code = typeof reason === 'object' && reason !== null && 'code' in reason ? reason.code : reason;
    throw new Error(`The report ${path} could not be written (${code}): make room or choose another place.`, {
      cause: reason,
    });
  }
}
