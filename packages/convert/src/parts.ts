import { type FrozenFolder, type LanguageFolder, openLanguageFolder, openVisionFolder } from '@blip2/models/folder';
import { type DerivedTensor, derivedSource, type Json, type WeightSource } from '@blip2/tensor';
import { isFolder, openWeights } from '@blip2/tensor/files';
import { lavisFamily, lavisVisionSource } from '@blip2/vision';

/** A frozen model under its names within a BLIP-2, with its part of the config where it has one. */
export interface FrozenPart {
  readonly source: WeightSource;
  readonly json?: Json;
}

/** Opens the image encoder of a folder or of LAVIS' file (`eva_vit_g.pth`, `clip_vit_L.pth`). */
export async function visionPart(path: string): Promise<FrozenPart> {
  if (await isFolder(path)) return fromFolder(await openVisionFolder(path), 'vision_model.');
  const source = await openWeights(path);
  const family = lavisFamily(source);
  if (family) return { source: renamed(lavisVisionSource(source, family), (name) => `vision_model.${name}`) };
  await source.close();
  throw new Error(`'${path}' holds no image encoder of a known kind; give eva_vit_g.pth, clip_vit_L.pth or a folder.`);
}

/** A frozen language model as a part of a BLIP-2. */
export interface LanguagePart extends FrozenPart, Pick<LanguageFolder, 'kind' | 'generation' | 'rows'> {}

/** Opens the language model of a folder. */
export async function languagePart(folder: string): Promise<LanguagePart> {
  const opened = await openLanguageFolder(folder);
  const { kind, generation, rows } = opened;
  return { ...fromFolder(opened, 'language_model.'), kind, rows, ...(generation && { generation }) };
}

function fromFolder({ json, source, prefix, owns }: FrozenFolder, within: string): FrozenPart {
  const { architectures, transformers_version, ...part } = json;
  return {
    source: renamed(source, (name) => (owns(name) ? within + name.slice(prefix.length) : undefined)),
    json: part,
  };
}

/** Renames the tensors of a source; those without a new name are left out. */
export function renamed(source: WeightSource, rename: (name: string) => string | undefined): WeightSource {
  const tensors = new Map<string, DerivedTensor>();
  for (const [name, info] of source.names) {
    const other = rename(name);
    if (other !== undefined) tensors.set(other, { ...info, ...readers(source, name) });
  }
  return derivedSource(source, tensors);
}

/** How a tensor of a source is read under another name. */
const readers = (source: WeightSource, name: string): Pick<DerivedTensor, 'read' | 'quantized'> => ({
  read: () => source.read(name),
  quantized: async () => source.quantized?.(name),
});

/** Merges sources; of tensors with equal names the first is used. */
export function mergeSources(origin: string, sources: readonly WeightSource[]): WeightSource {
  const tensors = new Map<string, DerivedTensor>();
  for (const source of sources) {
    for (const [name, info] of source.names) {
      if (!tensors.has(name)) tensors.set(name, { ...info, ...readers(source, name) });
    }
  }
  const close = async (): Promise<void> => {
    for (const source of sources) await source.close();
  };
  return derivedSource({ origin, close }, tensors);
}
