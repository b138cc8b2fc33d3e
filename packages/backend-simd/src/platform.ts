import type { PoolWorker, Spawn } from './pool.js';

export interface Platform {
  cores: number;
  /** Starts workers; undefined where they cannot share memory. */
  spawn: Spawn | undefined;
  readFile(url: URL): Promise<Uint8Array<ArrayBuffer>>;
  /** Lets V8 compile relaxed SIMD where that still needs a flag. */
  allowRelaxedSimd(): void;
}

export function platform(): Promise<Platform> {
  return typeof process !== 'undefined' && process.versions?.node ? nodePlatform() : Promise.resolve(browserPlatform());
}

async function nodePlatform(): Promise<Platform> {
  const { Worker } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:worker_threads');
  const { setFlagsFromString } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:v8');
  const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:fs/promises');
  const { availableParallelism } = await import(/* webpackIgnore: true */ /* @vite-ignore */ 'node:os');
  const spawn: Spawn = (source, onError) => {
    const worker = new Worker(source, { eval: true, execArgv: [] });
    worker.on('error', onError);
    worker.unref();
    return { post: (message) => worker.postMessage(message), terminate: () => void worker.terminate() };
  };
  return {
    cores: availableParallelism(),
    spawn,
    readFile: async (url) => new Uint8Array(await readFile(url)),
    allowRelaxedSimd: () => {
      if (Number.parseInt(process.versions.node, 10) < 22) setFlagsFromString('--experimental-wasm-relaxed-simd');
    },
  };
}

function browserPlatform(): Platform {
  const spawn: Spawn = (source, onError): PoolWorker => {
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const worker = new Worker(url, { type: 'module' });
    worker.onerror = (event) => onError(event.message);
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
    allowRelaxedSimd: () => {},
  };
}
