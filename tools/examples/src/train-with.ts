import { decodeImage } from '@blip2/data';
import { starterUrl } from '@blip2/starter';
import { collateStage1, compose, encodeAll, loadBert, trainStage1, type VisionModel } from '@blip2/training';

/** Encodes images with an encoder of any kind, trains a Q-Former on them for two steps, and prints what came of it as JSON. */
export async function trainWith(vision: VisionModel, images: readonly string[]): Promise<void> {
  const text = await loadBert(starterUrl('bert'));
  using parts = await compose({ vision, text, qformer: { queries: 2 } });
  const list = { length: images.length, item: (index: number) => decodeImage(images[index] as string) };
  const features = await encodeAll(vision, list, { processor: vision.processor });
  const pairs = { features, text: (index: number) => `this is image ${index}` };
  const all = images.map((_, index) => index);
  const losses: number[] = [];
  const data = () => collateStage1(pairs, all, { tokenizer: text.tokenizer, textLength: 16 });
  for await (const step of trainStage1(parts, { data, steps: 2 })) losses.push(step.losses.total);
  const first = await features.gather([0]);
  console.log(
    JSON.stringify({ backend: parts.backend.name, shape: first.shape, features: [...first.dataSync()], losses }),
  );
  vision.dispose?.();
  process.exit(0);
}
