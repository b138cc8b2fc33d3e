import type { Addon } from './functions.js';

/** A worker of either platform. */
export interface PoolWorker {
  post(message: object): void;
  terminate(): void;
}
/** Starts `worker.js`; `onEnd` is called when it ends, with the reason. */
export type Spawn = (onEnd: (reason: string) => void) => PoolWorker;

export interface Platform {
  cores: number;
  /** Starts workers; undefined where they cannot share memory. */
  spawn: Spawn | undefined;
  readFile(url: URL): Promise<Uint8Array<ArrayBuffer>>;
  /** Lets Node 20 compile relaxed SIMD, which has it behind a flag of V8. */
  allowRelaxedSimd(): Promise<void>;
  /** Native addons; undefined where there are none. */
  native?: NativeHost;
}

export interface NativeHost {
  /** BLIP2_NATIVE of the environment. */
  setting(): string | undefined;
  /** The file of this platform's package of native kernels; undefined where it is not installed. */
  find(): URL | undefined;
  /** Loads an addon. @throws where the system refuses it */
  open(url: URL): { file: string; addon: Addon };
}

/** @param worker where `worker.js` lies, if not beside this file */
export function platform(worker?: URL): Promise<Platform> {
  const inNode = typeof process !== 'undefined' && process.versions?.node;
  return inNode ? nodePlatform(worker) : Promise.resolve(browserPlatform(worker));
}

/** A module of Node; its name in a variable, so that bundlers for browsers leave it alone. */
const load = (name: string) => import(/* webpackIgnore: true */ /* @vite-ignore */ name);

async function nodePlatform(script: URL = new URL('./worker.js', import.meta.url)): Promise<Platform> {
  const { Worker }: typeof import('node:worker_threads') = await load('node:worker_threads');
  const { readFile }: typeof import('node:fs/promises') = await load('node:fs/promises');
  const { availableParallelism }: typeof import('node:os') = await load('node:os');
  const { createRequire }: typeof import('node:module') = await load('node:module');
  const { fileURLToPath, pathToFileURL }: typeof import('node:url') = await load('node:url');
  const spawn: Spawn = (onEnd) => {
    const worker = new Worker(script, { execArgv: [] });
    worker.on('error', (error) => onEnd(String(error)));
    worker.on('exit', (code) => onEnd(`exit code ${code}`));
    worker.unref();
    return { post: (message) => worker.postMessage(message), terminate: () => void worker.terminate() };
  };
  return {
    cores: availableParallelism(),
    spawn,
    readFile: async (url) => new Uint8Array(await readFile(url)),
    allowRelaxedSimd: async () => {
      const { setFlagsFromString }: typeof import('node:v8') = await load('node:v8');
      try {
        setFlagsFromString('--experimental-wasm-relaxed-simd');
      } catch {
        // another engine than V8, as in Bun
      }
    },
    native: {
      setting: () => process.env.BLIP2_NATIVE,
      find: () => {
        const name = `@blip2/native-${process.platform}-${process.arch}`;
        try {
          return pathToFileURL(createRequire(import.meta.url).resolve(`${name}/kernels.node`));
        } catch {
          return undefined;
        }
      },
      open: (url) => {
        const file = fileURLToPath(url);
        const module = { exports: {} };
        process.dlopen(module, file);
        return { file, addon: module.exports as Addon };
      },
    },
  };
}

function browserPlatform(script?: URL): Platform {
  const spawn: Spawn = (onEnd): PoolWorker => {
    const worker = script
      ? new Worker(script, { type: 'module' })
      : new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }); // as bundlers look for it
    worker.onerror = (event) => onEnd(event.message ?? 'its script could not be loaded');
    return { post: (message) => worker.postMessage(message), terminate: () => worker.terminate() };
  };
  return {
    cores: navigator.hardwareConcurrency ?? 1,
    spawn: globalThis.crossOriginIsolated ? spawn : undefined,
    readFile: async (url) => {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`${url} could not be loaded: ${response.status} ${response.statusText}.`);
      return new Uint8Array(await response.arrayBuffer());
    },
    allowRelaxedSimd: async () => {},
  };
}
