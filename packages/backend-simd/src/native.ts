import type { Addon, Attached, Kernels } from './functions.js';
import type { Heap } from './heap.js';
import type { Platform } from './platform.js';

/** Changes with the addon's functions and the arguments of its kernels; ABI in native/addon.c. */
const ABI = 3;

/** The native kernels of this platform. */
export interface NativeLibrary {
  /** The path of the addon, which threads load too. */
  readonly file: string;
  readonly addon: Addon;
  /** The name of the build, empty for the best one. */
  readonly build: string;
}

/** Kernels of a module that only serve together, and whether their native counterparts compute the same. */
export interface Comparison<Name extends string = string> {
  readonly names: readonly Name[];
  /** Computes both on data of its own. May throw, where the native ones do. */
  agrees(wasm: Kernels<Name>, native: Kernels<Name>): boolean;
}
/** How the kernels of a module are compared with their native counterparts, each before it is first used. */
export type Agreement<Name extends string = string> = readonly Comparison<Name>[];

const NAMES = ['avx512vnni', 'avx512', 'avx2', 'neon'];

/**
 * Opens the addon of this platform. Where it cannot be used a warning reports why, and nothing is returned; where its package
 * is not installed there is no warning, as most platforms have none.
 * @param wanted false, true for the package's own, or the file of an addon; BLIP2_NATIVE=0 in the environment forbids it, and
 *   the name of an instruction set there chooses the build
 */
export async function openNative(
  { native: host, readFile }: Platform,
  wanted: boolean | URL,
): Promise<NativeLibrary | undefined> {
  const setting = host?.setting() ?? '';
  if (!host || wanted === false || ['0', 'false', 'off'].includes(setting)) return undefined;
  const url = wanted === true ? host.find() : wanted;
  if (!url) return undefined;
  try {
    const bytes = await readFile(url);
    const { sha256 } = JSON.parse(new TextDecoder().decode(await readFile(new URL('kernels.json', url))));
    // A library that is not whole would end the process when it is loaded.
    if ((await digest(bytes)) !== sha256) throw new Error('its content differs from its kernels.json');
    const { file, addon } = host.open(url);
    if (addon.abi !== ABI) throw new Error(`it is of version ${addon.abi}, and ${ABI} is needed`);
    return { file, addon, build: NAMES.includes(setting) ? setting : '' };
  } catch (error) {
    refuse(`the native ones of ${url.pathname} cannot be used (${error instanceof Error ? error.message : error})`);
    return undefined;
  }
}

/** Warns in one line that kernels run in WebAssembly, and why. */
export function refuse(reason: string): void {
  const line = reason.replace(/\s+/g, ' ').trim();
  console.warn(`Kernels of the simd backend run in WebAssembly: ${line}; BLIP2_NATIVE=0 silences this.`);
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Attaches an addon to a heap; undefined where no build runs on this processor. */
export function attachNative({ addon, build }: NativeLibrary, heap: Heap): Attached | undefined {
  const attached = addon.attach(new Uint8Array(heap.buffer), build);
  if (!attached) return undefined;
  // The addon knows only an address: its functions keep the memory alive.
  for (const call of Object.values(attached.functions)) Object.assign(call, { memory: heap.memory });
  heap.onResize = (bytes) => addon.resize(new Uint8Array(heap.buffer), bytes);
  return attached;
}
