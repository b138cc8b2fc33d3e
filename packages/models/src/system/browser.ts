import type { StarterModel } from '@blip2/starter';
import { join, mountFolder, urlFolder } from '@blip2/tensor/files';

const GIB = 2 ** 30;

/** What browsers say of the device, as far as they do; not all of it is in TypeScript's declarations. */
interface Device {
  /** GiB, rounded, and 8 for all that have more. */
  readonly deviceMemory?: number;
  readonly userAgentData?: { readonly mobile?: boolean };
}

/** The most that a tab may hold: what wasm can address, where the device does not say that it has less. */
const DESKTOP = 4 * GIB;
/** Phones end tabs that hold more, those with little memory earlier. */
const PHONE = 1.5 * GIB;

/**
 * The memory in bytes that a page may take. Browsers do not say how much is free: it is 4 GiB, on phones 1.5 GiB, and no more
 * than half of what the device has, where the browser says how much that is.
 */
export function systemMemory(): number {
  const { deviceMemory, userAgentData } = navigator as Device;
  const phone = userAgentData?.mobile ?? /\b(Android|iPhone|iPad|iPod|Mobile)\b/.test(navigator.userAgent);
  return Math.min(phone ? PHONE : DESKTOP, ((deviceMemory ?? Number.POSITIVE_INFINITY) * GIB) / 2);
}

const mounted = new Map<string, string>();

/**
 * The folder of a model that ships with `@blip2/starter`, which the page's server has.
 * @param base the address of the folder of its models, where they were copied elsewhere. Default: where the package's modules
 * are, or where a bundler has put their files
 */
export async function starterFolder(model: StarterModel, base?: string | URL): Promise<string> {
  const key = base === undefined ? '' : new URL(base, location.href).href.replace(/\/*$/, '/');
  const { starterFiles } = await import('@blip2/starter/files');
  const files =
    key === ''
      ? starterFiles
      : new Map([...starterFiles.keys()].map((path): [string, URL] => [path, new URL(path, key)]));
  const root =
    mounted.get(key) ?? mountFolder(urlFolder(new URL(key || location.href), { files }), { name: 'starter' });
  mounted.set(key, root);
  return join(root, model);
}
