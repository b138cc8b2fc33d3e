import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Bounds } from '@blip2/report';
import { starterUrl } from '@blip2/starter';
import { readJson } from '@blip2/tensor/files';
import { z } from 'zod';
import type { EmojiConfig } from './config.js';

const share = z.number().min(0).max(1);
const recall = z.object({ r1: share, r5: share });

/** What `pretrain compare` and `pretrain read` write beside the starter's models. */
const schemas = {
  vision: z.object({ weights: z.string(), noto: z.object({ candidates: recall }) }),
  language: z.object({
    weights: z.string(),
    caption: share,
    ...{ what: share, where: share, 'how many': share, 'is there': share },
  }),
};

/**
 * Reads what the starter's frozen models reach alone on the demo's test images: the image encoder's retrieval of Noto's drawings
 * among the 400 candidates by its own features, and the language model's captions and answers when it is given descriptions of
 * scenes. They are properties of the weights, measured when these were made; a part that has no scores of its present
 * weights, or is not the starter's, is left out.
 */
export async function partBounds({ vision, language }: Pick<EmojiConfig, 'vision' | 'language'>): Promise<Bounds> {
  const encoder = vision === 'starter' ? await measured('vision') : undefined;
  const reader = language === 'starter' ? await measured('language') : undefined;
  const { weights: _, caption, ...answers } = reader ?? {};
  return {
    ...(encoder && { retrieval: encoder.noto.candidates }),
    ...(caption !== undefined && {
      captions: { exact: caption },
      vqa: { types: Object.entries(answers).map(([type, accuracy]) => ({ type, accuracy })) },
    }),
  };
}

async function measured<M extends keyof typeof schemas>(model: M): Promise<z.output<(typeof schemas)[M]> | undefined> {
  const url = starterUrl(model);
  const json = await readJson(fileURLToPath(new URL('evaluation.json', url)));
  const found = schemas[model].safeParse(json);
  if (!found.success) return undefined;
  const weights = createHash('sha256').update(await readFile(new URL('model.safetensors', url)));
  return found.data.weights === weights.digest('hex') ? (found.data as z.output<(typeof schemas)[M]>) : undefined;
}
