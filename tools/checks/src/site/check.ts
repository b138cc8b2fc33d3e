import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { walk } from '@blip2/site/walk';
import { findChromium } from '@blip2/testing/chromium';
import type { Result } from '../report.js';
import { root } from '../workspace.js';

/** How long is trained in the page, and on how many images. */
export interface SiteOptions {
  readonly steps: number;
  readonly captioned: number;
}

/** Walks through the built web page in headless Chromium. Without a Chromium it says so, and checks nothing. */
export async function checkSite(options: SiteOptions = { steps: 24, captioned: 9 }): Promise<Result[]> {
  const executablePath = findChromium();
  if (!executablePath || !existsSync(executablePath)) {
    console.log('SKIPPED site: there is no Chromium; install one, or name it in CHROMIUM_PATH.');
    return [];
  }
  const results: Result[] = [];
  const kept = process.env.BLIP2_SCREENSHOTS;
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'blip2-site-'));
  try {
    await walk({
      ...options,
      site: join(root, 'tools/site/dist'),
      executablePath,
      folder,
      report: (name, problem) =>
        results.push({ name: `site: ${name}`, problems: problem === undefined ? [] : [problem] }),
    });
  } finally {
    if (kept === undefined) rmSync(folder, { recursive: true, force: true });
  }
  return results;
}
