import type { presets } from '@blip2/demo';

/** The data sets of train and eval. */
export const dataSets = ['emoji'] as const;

const described = { demo: true, 'emoji-full': true, smoke: true } satisfies Record<keyof typeof presets, true>;

/** The training presets, named here so that wrong usage is found before the package with them is loaded. */
export const trainingPresets: readonly string[] = Object.keys(described);

/**
 * Loads `@blip2/demo`, which has the emoji data, their training presets and the demo, and is installed separately.
 * @throws where it is not installed, with the command that installs it
 */
export async function demoPackage(): Promise<typeof import('@blip2/demo')> {
  return import('@blip2/demo').catch((error: NodeJS.ErrnoException) => {
    const missing = error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes("package '@blip2/demo'");
    if (!missing) throw error;
    throw new Error('The demo and its emoji data are a package of their own; run: npm install @blip2/demo');
  });
}
