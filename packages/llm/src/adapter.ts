import { linear, linearSpec, type Params, uniform } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { Prompt } from './language-model.js';

/**
 * The bridge from the Q-Former to a language model: one linear layer, named as in checkpoints and begun as
 * PyTorch begins a linear layer, U(-1/√in, 1/√in) (BLIP-2, Li et al. 2023, section 3.3).
 */
export function adapterSpec(queryWidth: number, width: number) {
  const init = uniform(queryWidth ** -0.5);
  return { language_projection: { ...linearSpec(queryWidth, width, { init, biasInit: init }) } };
}

export type Adapter = Params<ReturnType<typeof adapterSpec>>;

/** What the Q-Former made of an image as the language model's soft prompt: [B,Q,D] -> [B,Q,W]. Nothing is scaled. */
export function project(p: Adapter, queryOutput: tf.Tensor): tf.Tensor3D {
  return linear(p.language_projection, queryOutput) as tf.Tensor3D;
}

/** A stretch of a prompt: vectors and which of them count. */
export interface PromptPart {
  /** [B,L,W] */
  readonly embeddings: tf.Tensor;
  /** Keep mask [B,L]. Default: all ones. */
  readonly mask?: tf.Tensor | undefined;
}

/** The parts of a prompt made one. `mask` is undefined where every part counts as a whole. The caller owns both. */
export interface ComposedPrompt {
  readonly embeddings: tf.Tensor3D;
  readonly mask: tf.Tensor2D | undefined;
}

/**
 * Lays parts one after the other: soft prompt then text, or several images each with its text.
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

/** A prompt as parts: the soft prompt, then the tokens as `embed` has them. Either may be absent. */
export function promptParts(
  { softPrompt, promptIds, promptMask }: Prompt,
  embed: (ids: tf.Tensor) => tf.Tensor,
): PromptPart[] {
  return [
    ...(softPrompt ? [{ embeddings: softPrompt }] : []),
    ...(promptIds ? [{ embeddings: embed(promptIds), mask: promptMask }] : []),
  ];
}
