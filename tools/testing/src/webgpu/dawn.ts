/** What a program without an adapter says of that, and others of theirs. */
export type Adapter = { readonly adapter: string } | { readonly skipped: string };

interface Dawn {
  readonly create: (options: readonly string[]) => GPU;
  readonly globals: object;
}

/**
 * Gives this process WebGPU: Dawn, with a browser's names. To be called before TensorFlow.js' webgpu backend is imported. A
 * process that has it ends by `report`, as Dawn's own end may crash.
 */
export async function openDawn(): Promise<Adapter> {
  const name: string = 'webgpu'; // its types of WebGPU are others than those of TensorFlow.js
  const dawn = (await import(name).catch((error: Error) => error)) as Dawn | Error;
  if (dawn instanceof Error) return { skipped: `Dawn does not load here (${dawn.message})` };
  Object.assign(globalThis, dawn.globals);
  const navigator = { gpu: dawn.create([]), userAgent: 'node', platform: process.platform };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) return { skipped: "Dawn finds no adapter; Debian's chromium brings one in software" };
  const { vendor, architecture, description } = adapter.info;
  return { adapter: `${vendor} ${architecture}, ${description}` };
}

/** Collects what a device reports, such as shaders that do not compile: their work is dropped, and nothing is thrown. */
export function errorsOf(device: GPUDevice): string[] {
  const errors: string[] = [];
  device.addEventListener('uncapturederror', (event) => errors.push((event as GPUUncapturedErrorEvent).error.message));
  return errors;
}

/** Prints what `main` gives, or its error, as the last line, and ends the process. */
export async function report(main: () => Promise<object>): Promise<void> {
  const outcome = await main().catch((error: unknown) => ({
    failed: error instanceof Error ? error.stack : String(error),
  }));
  process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));
}
