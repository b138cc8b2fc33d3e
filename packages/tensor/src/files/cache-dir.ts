import { homedir } from 'node:os';
import { join } from 'node:path';

/** Returns the folder for what is computed once and kept: `BLIP2_CACHE`, else `$XDG_CACHE_HOME/blip2`, else `~/.cache/blip2`. */
export function defaultCacheDir(): string {
  return process.env.BLIP2_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'blip2');
}
