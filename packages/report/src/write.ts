import { createFile, type NewFile, toPath } from '@blip2/tensor/files';
import { renderReport } from './report.js';
import type { ReportData } from './types.js';

/**
 * Writes a report as an HTML file, as a whole or not at all.
 * @param file a path or a `file:` URL
 * @throws where the file cannot be written, and as `renderReport` does
 */
export async function writeReport(file: string | URL, data: ReportData): Promise<void> {
  const path = toPath(file);
  const text = await renderReport(data);
  let written: NewFile | undefined;
  try {
    written = await createFile(path);
    await written.write(new TextEncoder().encode(text));
    await written.finish();
    await written.commit();
  } catch (reason) {
    await written?.discard().catch(() => {});
    const code = typeof reason === 'object' && reason !== null && 'code' in reason ? reason.code : reason;
    throw new Error(
      `The report ${path} could not be written (${code}); free some disk space, or choose another path.`,
      {
        cause: reason,
      },
    );
  }
}
