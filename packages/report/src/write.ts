import { open, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { renderReport } from './report.js';
import type { ReportData } from './types.js';

/**
 * Writes a report as an HTML file, as a whole or not at all.
 * @param file a path or a `file:` URL
 * @throws where the file cannot be written, and as `renderReport` does
 */
export async function writeReport(file: string | URL, data: ReportData): Promise<void> {
  const path = typeof file === 'string' ? file : fileURLToPath(file);
  const text = await renderReport(data);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (reason) {
    await rm(temporary, { force: true }).catch(() => {});
    const code = typeof reason === 'object' && reason !== null && 'code' in reason ? reason.code : reason;
    throw new Error(
      `The report ${path} could not be written (${code}); free some disk space, or choose another path.`,
      {
        cause: reason,
      },
    );
  }
}
