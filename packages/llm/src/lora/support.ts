import type { Spec } from '@blip2/tensor';
import type { LoraSupport, SyncLanguageModel } from '../language-model.js';
import { linearLayers, withLora } from './apply.js';

/** What makes a language model adaptable: `build` makes one of other parameters. */
export function loraSupport<P extends object>(
  params: P,
  spec: () => Spec,
  build: (params: P) => SyncLanguageModel,
): LoraSupport {
  return {
    get layers() {
      return linearLayers(spec());
    },
    adapt: (adapters, options) => ({ ...build(withLora(params, adapters, options)), dispose: () => {} }),
  };
}
