import { linear, linearSpec, type Params, uniform } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { Prompt } from './language-model.js';

/**
 * Describes the projection from the Q-Former to a language model: one linear layer, named as in checkpoints and initialized as
 * PyTorch initializes a linear layer, U(-1/√in, 1/√in) (BLIP-2, Li et al. 2023, section 3.2).
 */
export function adapterSpec(queryWidth: number, width: number) {
  const init = uniform(queryWidth ** -0.5);
  return { language_projection: { ...linearSpec(queryWidth, width, { init, biasInit: init }) } };
}

/** The parameters of the projection to a language model. */
export type Adapter = Params<ReturnType<typeof adapterSpec>>;

/** Projects the Q-Former's output to the language model's soft prompt, [B,Q,D] -> [B,Q,W]; nothing is scaled. */
export function project(p: Adapter, queryOutput: tf.Tensor): tf.Tensor3D {
  return linear(p.language_projection, queryOutput) as tf.Tensor3D;
}

/** A part of a prompt: embeddings and their attention mask. */
export interface PromptPart {
  /** [B,L,W] */
  readonly embeddings: tf.Tensor;
  /** Attention mask [B,L]. Default: all ones. */
  readonly mask?: tf.Tensor | undefined;
}

/** A prompt of concatenated parts; `mask` is undefined where no part has one. The caller owns both. */
export interface ComposedPrompt {
  readonly embeddings: tf.Tensor3D;
  readonly mask: tf.Tensor2D | undefined;
}

/**
 * Concatenates the parts of a prompt: a soft prompt and its text, or several images each with its text.
 * @returns embeddings [B,L,W] and, if any part has a mask, the int32 mask [B,L]
 * @throws when batch, width or a mask do not fit
 */
export function composePrompt(parts: readonly PromptPart[]): ComposedPrompt {
  const [first] = parts;
  if (!first) throw new Error('A prompt needs at least one part: a soft prompt or tokens.');
  const [B, , W] = first.embeddings.shape;
  for (const { embeddings, mask } of parts) {
    const [b, L, w] = embeddings.shape;
    if (embeddings.rank !== 3 || b !== B || w !== W) {
      throw new Error(
        `The parts of a prompt must agree in batch and width: [${embeddings.shape}] beside [${B},L,${W}].`,
      );
    }
    if (mask && mask.shape.join() !== [B, L].join()) {
      throw new Error(`The mask of a prompt's part must be [${B},${L}], not [${mask.shape}].`);
    }
  }
  const made = tf.tidy(() => ({
    embeddings: tf.concat(
      parts.map((part) => part.embeddings as tf.Tensor3D),
      1,
    ), // [B,L,W]
    ...(parts.some((part) => part.mask) ? { mask: tf.concat(parts.map(maskOf), 1) } : {}), // [B,L]
  }));
  return { mask: undefined, ...made };
}

function maskOf({ embeddings, mask }: PromptPart): tf.Tensor2D {
  const [B, L] = embeddings.shape as [number, number];
  return (mask ? tf.cast(mask, 'int32') : tf.ones([B, L], 'int32')) as tf.Tensor2D;
}

/** Gives the parts of a prompt: the soft prompt, then the embeddings of its tokens. Either may be absent. */
export function promptParts(
  { softPrompt, promptIds, promptMask }: Prompt,
  embed: (ids: tf.Tensor) => tf.Tensor,
): PromptPart[] {
  return [
    ...(softPrompt ? [{ embeddings: softPrompt }] : []),
    ...(promptIds ? [{ embeddings: embed(promptIds), mask: promptMask }] : []),
  ];
}
