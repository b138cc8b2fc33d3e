import { readFile, writeFile } from 'node:fs/promises';

// Linux keeps the most memory that a process had at once, and forgets it when asked to (man 5 proc: clear_refs, VmHWM).

/** Resets the peak that `peakBytes` reports (Linux only). */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => {});
}

/** Returns the peak resident memory of the process in bytes; undefined where it is not available. */
export async function peakBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return peakOf(status);
}

/** `VmHWM` of a `/proc/PID/status`. */
export function peakOf(status: string): number | undefined {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}
