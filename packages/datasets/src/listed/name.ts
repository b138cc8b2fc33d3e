import { posix } from 'node:path';

/**
 * Returns why a name in a data set is none of a file in it, without looking at the disk; undefined for a good one. Backslashes
 * separate folders, as in lists that were written on Windows.
 */
export function nameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string' || name.trim() === '') return 'there is no file name';
  if (name.length > 4096) return `its file name has ${name.length} characters`;
  if (name.includes('\0')) return 'its file name holds a zero byte';
  if (/^[a-z][a-z+.-]+:\/\//i.test(name)) return 'it is an address, not a file; download it into the folder';
  const path = plainName(name);
  if (path.startsWith('/') || /^[a-z]:/i.test(path)) return 'its path is absolute; give it relative to the data set';
  if (path === '..' || path.startsWith('../')) return 'its path leaves the folder of the data set';
  return path === '.' || path.endsWith('/') ? 'its path is a folder' : undefined;
}

/** Returns a path with slashes only and without `.` and `..` where they can be resolved. */
export const plainName = (name: string): string => posix.normalize(name.replaceAll('\\', '/'));
