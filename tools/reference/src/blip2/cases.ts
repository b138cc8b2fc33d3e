import type { Folder } from '../folder.js';
import { type Json, numbersOf, objectsOf, textsOf } from '../json.js';
import type { ImageTokens } from './image-tokens.js';

/** One prompt on one image. */
export interface Case {
  /** `PROMPT.PICTURE`, as the golden tensors have it. */
  readonly name: string;
  /** Which of the images. */
  readonly image: number;
  readonly json: Json;
  readonly prompt: string;
  /** The prompt's ids without image tokens; BOS alone where the prompt is empty. */
  readonly text: readonly number[];
  /** What Hugging Face's output ids begin with: image tokens and text. */
  readonly whole: readonly number[];
}

/** The cases of a folder, which stand prompt major. */
export function casesOf(folder: Folder, tokens: ImageTokens, bos: number): Case[] {
  const images = textsOf(folder.golden, 'images');
  return objectsOf(folder.golden, 'cases').map((json, i) => {
    const whole = numbersOf(json, 'input_ids') ?? [...tokens.ids, bos];
    const prompt = String(json.prompt ?? '');
    const image = typeof json.image === 'string' ? images.indexOf(json.image) : i % images.length;
    if (image < 0) throw new Error(`Case ${i} is of ${String(json.image)}, which is not in 'images'.`);
    const name = `${Math.floor(i / images.length)}.${image}`;
    return { name, image, json, prompt, text: tokens.strip(whole), whole };
  });
}
