import type { Stage2TrainOptions } from '@blip2/training';
import type { RunConfig } from './schema.js';

/** Whether a configuration trains the image encoder, in any of its stages. */
export const trainsEncoder = ({ stage1, stage2 }: Pick<RunConfig, 'stage1' | 'stage2'>): boolean =>
  [stage1, stage2].some(({ parameters }) =>
    parameters.some(([pattern, status]) => status === 'trainable' && isOfEncoder(`${pattern}.`)),
  );

/** By the beginning of a path: that of the encoder, but not of the norm behind it, which every stage trains. */
const isOfEncoder = (path: string): boolean =>
  path.startsWith('vision_model.') && !path.startsWith('vision_model.post_layernorm.');

/** The adapters of the language model that stage 2 trains; undefined where it trains none. */
export function loraOf({ stage2: { lora } }: Pick<RunConfig, 'stage2'>): Stage2TrainOptions['lora'] {
  if (lora === null) return undefined;
  const { targets, ...others } = lora;
  return { ...others, ...(targets !== undefined && { targets }) };
}
