import { rename, rm, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { applyProcessor, type DecodedImage, decodeImage, encodePng, type ImageSource } from '@blip2/data';
import type { LoadedModel } from '@blip2/models';
import { anyModel, encodeImages, type Models, matchTexts, retrievalModel } from '@blip2/models';
import { type AttentionOptions, queryAttention } from './attention.js';
import { drawSheet, type SheetData } from './sheet.js';
import { wordRelevance } from './words.js';

export interface ExplainOptions extends AttentionOptions {
  /** A text that is matched with the image; its words are explained too. Needs a retrieval model. */
  readonly text?: string | undefined;
}

/** What a model looks at in an image, as a sheet; `drawSheet` draws it, `writeSheet` does both. */
export async function explain(
  models: Models,
  image: ImageSource,
  { text, layer }: ExplainOptions = {},
): Promise<SheetData> {
  const model = text === undefined ? anyModel(models) : retrievalModel(models);
  const decoded = await decodeImage(image);
  const features = await encodeImages(model, [decoded]);
  try {
    const queries = await queryAttention(model, features, { layer });
    const data = { image: seenPart(decoded, model), queries };
    if (text === undefined || model.kind !== 'retrieval') return data;
    const [match] = await matchTexts(model, { features, texts: [text] });
    return { ...data, text: { text, ...match!, words: await wordRelevance(model, { features, text }) } };
  } finally {
    features.dispose();
  }
}

/** The same as a PNG file. */
export async function writeSheet(
  models: Models,
  image: ImageSource,
  { out, ...options }: ExplainOptions & { readonly out: string },
): Promise<void> {
  if (extname(out).toLowerCase() !== '.png')
    throw new Error(`A sheet is a PNG; give '${out}' a name that ends in .png.`);
  const png = await encodePng(drawSheet(await explain(models, image, options)));
  const temporary = `${out}.${Math.random().toString(36).slice(2, 10)}.tmp`;
  try {
    await writeFile(temporary, png);
    await rename(temporary, out);
  } catch (error) {
    await rm(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`The sheet could not be written to '${out}' (${code}); check the path.`, { cause: error });
  }
}

/** What the patches cover: the whole image, which a processor may squash, or its middle part where one crops. */
const seenPart = (image: DecodedImage, { processor }: LoadedModel): DecodedImage =>
  processor.crop ? applyProcessor(image, processor) : image;
