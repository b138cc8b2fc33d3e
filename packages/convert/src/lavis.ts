import { subsetSource } from '@blip2/models/folder';
import { isCopy, lavisName, pathOfLavisName } from '@blip2/qformer';
import { type DerivedTensor, derivedSource, type WeightSource } from '@blip2/tensor';
import { type LavisFamily, lavisFamily, lavisVisionSource, toLavisVisionSource } from '@blip2/vision';

const VISION = 'vision_model.';

/** The prefixes of the projection and the language model, in Hugging Face's names and in those of LAVIS. */
const languages = {
  opt: [
    ['language_projection.', 'opt_proj.'],
    ['language_model.', 'opt_model.'],
  ],
  t5: [
    ['language_projection.', 't5_proj.'],
    ['language_model.', 't5_model.'],
  ],
} as const;

/** The kinds of language model in LAVIS' BLIP-2. */
export type LavisLanguage = keyof typeof languages;

/** Whether a source has the names of a LAVIS checkpoint: of a BLIP-2 or of an image encoder. */
export const isLavis = (source: WeightSource): boolean =>
  lavisFamily(source) !== undefined || [...source.names.keys()].some((name) => name.startsWith('Qformer.'));

/** Finds which kind of language model a LAVIS checkpoint of stage 2 was trained with; undefined for stage 1. */
export const lavisLanguage = ({ names }: WeightSource): LavisLanguage | undefined =>
  (Object.keys(languages) as LavisLanguage[]).find((name) => names.has(`${languages[name][0][1]}weight`));

/**
 * Presents a LAVIS checkpoint of either stage under Hugging Face's names. Those of stage 1 keep `cls.predictions.*` and
 * `temp`, for which Hugging Face has no names. Buffers, tied copies and encoder blocks that BLIP-2 does not use are left
 * out.
 * @param family of the image encoder. Default: inferred; EVA where the checkpoint holds only the encoder's norm
 */
export function lavisSource(source: WeightSource, family: LavisFamily = lavisFamily(source) ?? 'eva'): WeightSource {
  const tensors = new Map<string, DerivedTensor>();
  const vision = lavisVisionSource(source, family);
  for (const [name, info] of vision.names) tensors.set(VISION + name, { ...info, read: () => vision.read(name) });
  for (const [name, info] of source.names) {
    const target = huggingFaceName(name);
    if (target !== undefined) tensors.set(target, { ...info, read: () => source.read(name) });
  }
  return derivedSource(source, tensors);
}

/** Presents a BLIP-2 with Hugging Face's names under those of LAVIS: the inverse of `lavisSource`. */
export function toLavisSource(
  source: WeightSource,
  { family = 'eva', language = 'opt' }: { family?: LavisFamily; language?: LavisLanguage } = {},
): WeightSource {
  const tensors = new Map<string, DerivedTensor>();
  const vision = toLavisVisionSource(withoutPrefix(subsetSource(source, (name) => name.startsWith(VISION))), family);
  for (const [name, info] of vision.names) tensors.set(name, { ...info, read: () => vision.read(name) });
  for (const [name, info] of source.names) {
    if (name.startsWith(VISION) || isCopy(name)) continue;
    tensors.set(lavisNameOf(name, language), { ...info, read: () => source.read(name) });
  }
  return derivedSource(source, tensors);
}

function huggingFaceName(name: string): string | undefined {
  for (const [own, lavis] of Object.values(languages).flat()) {
    if (name.startsWith(lavis)) return own + name.slice(lavis.length);
  }
  return pathOfLavisName(name);
}

function lavisNameOf(name: string, language: LavisLanguage): string {
  const found = languages[language].find(([own]) => name.startsWith(own));
  return found ? found[1] + name.slice(found[0].length) : lavisName(name);
}

/** The encoder's tensors without the prefix of their names. */
function withoutPrefix(source: WeightSource): WeightSource {
  const entries = [...source.names].map(
    ([name, info]) => [name.slice(VISION.length), { ...info, read: () => source.read(name) }] as const,
  );
  return derivedSource(source, new Map(entries));
}
