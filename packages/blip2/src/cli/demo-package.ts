/**
 * The package with the emoji data, its presets and the demo, which is installed on its own.
 * @throws where it is not installed, with the command that installs it
 */
export async function demoPackage(): Promise<typeof import('@blip2/demo')> {
  return import('@blip2/demo').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes('@blip2/demo')) throw error;
    throw new Error('The emoji data and the demo are a package of their own; install it: npm install @blip2/demo.');
  });
}
