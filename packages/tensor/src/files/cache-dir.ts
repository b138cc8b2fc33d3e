import { environment, homeFolder, join } from '../file-system/index.js';

/** Returns the folder for what is computed once and kept: `BLIP2_CACHE`, else `$XDG_CACHE_HOME/blip2`, else `~/.cache/blip2`. */
export function defaultCacheDir(): string {
  const { BLIP2_CACHE: own, XDG_CACHE_HOME: common } = environment();
  return own || join(common || join(homeFolder(), '.cache'), 'blip2');
}
