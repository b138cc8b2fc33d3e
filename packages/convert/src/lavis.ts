import { subsetSource } from '@blip2/models/folder';
import { isCopy, lavisName, pathOfLavisName } from '@blip2/qformer';
import { type DerivedTensor, derivedSource, type WeightSource } from '@blip2/tensor';
import { type LavisFamily, lavisFamily, lavisVisionSource, toLavisVisionSource } from '@blip2/vision';

const VISION = 'vision_model.';

/** The bridge to a language model, and that model, by Hugging Face's names and those of LAVIS' models. */
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

export type LavisLanguage = keyof typeof languages;

/** Whether names are those of a checkpoint of LAVIS: of a whole BLIP-2 or of an encoder alone. */
export const isLavis = (source: WeightSource): boolean =>
  lavisFamily(source) !== undefined || [...source.names.keys()].some((name) => name.startsWith('Qformer.'));

/** The language model that a checkpoint of LAVIS' second stage was trained with; undefined for the first stage. */
export const lavisLanguage = ({ names }: WeightSource): LavisLanguage | undefined =>
  (Object.keys(languages) as LavisLanguage[]).find((name) => names.has(`${languages[name][0][1]}weight`));

/**
 * A BLIP-2 checkpoint of LAVIS, of either stage, seen under Hugging Face's names (specification, section 6.3). A stage 1
 * keeps what Hugging Face has no place for: `cls.predictions.*` and `temp`. Buffers, tied copies and blocks that BLIP-2
 * does not look through are left out.
 * @param family of the image encoder. Default: found out; EVA where there is none but its norm
 */
export function lavisSource(source: WeightSource, family: LavisFamily = lavisFamily(source) ?? 'eva'): WeightSource {
  const tensors = new Map<string, DerivedTensor>();
  const vision = lavisVisionSource(source, family);
  for (const [name, info] of vision.names) tensors.set(VISION + name, { ...info, read: () => vision.read(name) });
  for (const [name, info] of source.names) {
    const own = ownName(name);
    if (own !== undefined) tensors.set(own, { ...info, read: () => source.read(name) });
  }
  return derivedSource(source, tensors);
}

/** The way back: a BLIP-2 of Hugging Face's names seen as LAVIS has it. */
export function toLavisSource(
  source: WeightSource,
  { family = 'eva', language = 'opt' }: { family?: LavisFamily; language?: LavisLanguage } = {},
): WeightSource {
  const tensors = new Map<string, DerivedTensor>();
  const vision = toLavisVisionSource(bare(subsetSource(source, (name) => name.startsWith(VISION))), family);
  for (const [name, info] of vision.names) tensors.set(name, { ...info, read: () => vision.read(name) });
  for (const [name, info] of source.names) {
    if (name.startsWith(VISION) || isCopy(name)) continue;
    tensors.set(lavisNameOf(name, language), { ...info, read: () => source.read(name) });
  }
  return derivedSource(source, tensors);
}

function ownName(name: string): string | undefined {
  for (const [own, lavis] of Object.values(languages).flat()) {
    if (name.startsWith(lavis)) return own + name.slice(lavis.length);
  }
  return pathOfLavisName(name);
}

function lavisNameOf(name: string, language: LavisLanguage): string {
  const found = languages[language].find(([own]) => name.startsWith(own));
  return found ? found[1] + name.slice(found[0].length) : lavisName(name);
}

/** Names of the encoder without what stands before them. */
function bare(source: WeightSource): WeightSource {
  const entries = [...source.names].map(
    ([name, info]) => [name.slice(VISION.length), { ...info, read: () => source.read(name) }] as const,
  );
  return derivedSource(source, new Map(entries));
}
