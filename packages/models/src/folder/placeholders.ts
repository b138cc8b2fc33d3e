import type { WeightSource } from '@blip2/tensor';
import { isExternal, type ModelConfig } from './config.js';
import type { ExternalModels } from './load-plan.js';

/** Placeholders of external models, of which only the width is used. */
export function placeholders({ names }: WeightSource, { vision, language, qformer }: ModelConfig): ExternalModels {
  const never = (): never => {
    throw new Error('This is a placeholder of an external model.');
  };
  const width = names.get('language_projection.weight')?.shape[0] ?? 0;
  const ids = { bos: 0, pad: 0, eos: [] };
  return {
    ...(isExternal(vision) && { vision: { width: qformer.encoderWidth, encode: never } }),
    ...(language &&
      isExternal(language) && {
        language: { kind: 'decoder', width, vocabSize: 0, ids, embed: never, predict: never, start: never },
      }),
  };
}
