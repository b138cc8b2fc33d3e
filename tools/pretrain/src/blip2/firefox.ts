import { captionProcessor, type DecodedImage } from '@blip2/data';
import {
  cropSprite,
  loadEmoji,
  loadNouns,
  questionTypes,
  renderScene,
  type Scene,
  type Sprites,
  scene,
  singleDataset,
} from '@blip2/emoji';
import type { CaptionData, RetrievalData, VqaData } from '@blip2/runs';
import { encodeAll, type FeatureStore, type VisionModel } from '@blip2/training';
import { type DrawingsFile, openDrawings } from '../drawings-file.js';
import { SIZE } from '../encoder/places.js';
import { onWhite } from '../encoder/retrieval.js';
import { validationDrawings } from '../encoder/validation.js';

/** What a model is asked about Firefox OS' drawings, which no model is trained on: by it checkpoints are chosen. */
export interface FirefoxTasks {
  readonly retrieval: RetrievalData;
  readonly captions: CaptionData;
  readonly single: CaptionData;
  readonly vqa: VqaData;
}

/** How much is drawn. */
export interface FirefoxSizes {
  /** Default: all drawings of emoji. */
  readonly drawings?: number;
  /** Default 192. */
  readonly scenes?: number;
  /** Images of each noun. Default 3. */
  readonly variants?: number;
}

const SEED = 3_000_003;

/**
 * Draws and encodes the validation tasks: retrieval among all emoji that Firefox OS has drawn, single drawings of the nouns
 * among them, and scenes of these nouns in combinations held out of training.
 * @param work the folder of rendered drawings
 */
export async function firefoxTasks(
  vision: VisionModel,
  work: string,
  { drawings: count, scenes: sceneCount = 192, variants = 3 }: FirefoxSizes = {},
): Promise<FirefoxTasks> {
  const labels = new Map(loadEmoji().map(({ code, label }) => [code, captionProcessor(label)]));
  const drawings = [...new Map(validationDrawings().map((drawing) => [drawing.code, drawing])).values()].slice(
    0,
    count,
  );
  const file = await openDrawings(work, drawings);
  try {
    const encode = (length: number, item: (index: number) => DecodedImage): Promise<FeatureStore> =>
      encodeAll(vision, { length, item }, { processor: vision.processor });
    const whole = (index: number): DecodedImage => ({ width: SIZE, height: SIZE, data: onWhite(file.read(index)) });
    const places = new Map(drawings.map(({ code }, i) => [code, i]));
    const nouns = loadNouns().filter(({ entry }) => places.has(entry.code));
    const sprites = spritesOf(file, places);
    const single = await singleDataset({
      size: SIZE,
      vendors: ['openmoji'],
      variants,
      seed: SEED,
      nouns,
      sprites,
    });
    const scenes = scenesOf(new Set(nouns.map(({ entry }) => entry.code)), sceneCount);
    const sceneFeatures = await encode(scenes.length, (index) => renderScene(scenes[index] as Scene, sprites, SIZE));
    return {
      retrieval: {
        features: await encode(drawings.length, whole),
        texts: drawings.map(({ code }) => labels.get(code) as string),
      },
      single: {
        features: await encode(single.length, (index) => single.get(index).image),
        references: (index) => [single.metadata(index).caption],
      },
      captions: { features: sceneFeatures, references: (index) => (scenes[index] as Scene).references },
      vqa: {
        features: sceneFeatures,
        types: questionTypes,
        questions: scenes.flatMap(({ qa }, image) => qa.map((one) => ({ image, ...one }))),
      },
    };
  } finally {
    file.close();
  }
}

/** The first scenes of the test split whose nouns are all among those with these codes. */
function scenesOf(codes: ReadonlySet<string>, count: number): Scene[] {
  const found: Scene[] = [];
  for (let index = 0; found.length < count; index++) {
    const one = scene(index, { seed: SEED, split: 'test', vendors: ['openmoji'] });
    if (one.layout.every(({ entry }) => codes.has(entry.code))) found.push(one);
  }
  return found;
}

/** Sprites of Firefox OS' drawings, whatever vendor a scene names. */
function spritesOf(file: DrawingsFile, places: ReadonlyMap<string, number>): Sprites {
  return ({ code, label }, _vendor, pixels) => {
    const at = places.get(code);
    if (at === undefined) throw new Error(`Firefox OS has no drawing of '${label}'.`);
    return cropSprite(file.read(at), SIZE, pixels);
  };
}
