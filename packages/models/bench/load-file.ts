import { rmSync } from 'node:fs';
import { bind, dispose, type Spec } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';

/** The work of a case that loads a file of weights, which is removed afterwards. */
export const loadFile = (path: string, spec: Spec) => ({
  run: async (): Promise<void> => {
    const source = await openSafetensors(path);
    dispose(await bind(spec, source));
    await source.close();
  },
  dispose: (): void => rmSync(path),
});
