import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Where Debian's chromium has a Vulkan driver in software, and its loader. */
const CHROMIUM = '/usr/lib/chromium';

/** What every program reports: why it did not run, or how it failed. */
export interface Outcome {
  readonly skipped?: string;
  readonly failed?: string;
  readonly adapter?: string;
}

/** The environment in which a process finds that driver: Vulkan's loader reads it when the process starts. */
export function dawnEnvironment(): NodeJS.ProcessEnv {
  const driver = `${CHROMIUM}/vk_swiftshader_icd.json`;
  const software = existsSync(driver) ? { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: CHROMIUM } : {};
  return { ...software, ...process.env };
}

/**
 * Runs a program that uses `openDawn` and `report` in a process of its own, and gives what it reported. Where it was skipped,
 * it says so.
 * @param what is tested, for that
 */
export async function runOnDawn<T>(
  what: string,
  program: URL,
  args: readonly string[] = [],
): Promise<Outcome & Partial<T>> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@blip2/source', '--import', 'tsx', fileURLToPath(program), ...args],
    { env: dawnEnvironment(), timeout: 600_000, maxBuffer: 2 ** 24 },
  );
  const outcome = JSON.parse(stdout.trim().split('\n').at(-1) as string) as Outcome & Partial<T>;
  if (outcome.skipped) console.warn(`${what} NOT tested on WebGPU: ${outcome.skipped}.`);
  return outcome;
}
