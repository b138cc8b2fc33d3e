import { captionProcessor } from '@blip2/data';
import { loadEmoji, questionTypes, retrievalCandidates, scenePrompts } from '@blip2/emoji';
import type { EvaluationData, RunData } from '@blip2/runs';
import { stage1Batches, stage2Batches } from './batches.js';
import { type EmojiConfig, type EmojiDataConfig, emojiConfigs } from './config.js';
import { type EncodedEmoji, type EncodedScenes, encodeEmoji, encodeScenes } from './encoded-data.js';

/** The evaluation split of `emojiData`: Noto's drawings of the 400 retrieval candidates, and scenes of Noto's drawings. */
export interface EmojiEvaluation extends EvaluationData {
  readonly emoji: EncodedEmoji;
  readonly scenes: EncodedScenes;
}

/** The number of test scenes for a model without a run's configuration. */
const TEST_SCENES = 288;

/** The number of images by whose features `ln_vision` is standardized. */
const SAMPLE = 512;

/**
 * The data set of the demo: emoji, and scenes composed of them. The training split has the drawings of OpenMoji, Twemoji
 * and both Fluent sets, the evaluation split those of Noto.
 */
export const emojiData: RunData<EmojiDataConfig, EmojiEvaluation> = {
  name: 'emoji',
  configs: emojiConfigs,
  check: checkCounts,
  identity: ({ testScenes, ...trained }) => trained,

  async openTraining(config, { encoder, parts, reporter, signal }) {
    const options = { vision: encoder.vision, ...fingerprintOf(encoder), reporter, signal };
    const emoji = await encodeEmoji('train', loadEmoji().slice(0, config.data.emoji ?? undefined), options);
    try {
      const count = Math.max(config.data.scenes, 1);
      const scenes = await encodeScenes('train', { count, seed: config.seed }, options);
      const inputs = { config, parts, emoji, scenes };
      const stage1 = stage1Batches(inputs);
      let stage2: ReturnType<typeof stage2Batches> | undefined;
      return {
        stage1,
        stage2: (at) => {
          stage2 ??= stage2Batches(inputs);
          return stage2(at);
        },
        sampleFeatures: () => sampleFeatures(emoji),
        prompts: scenePrompts,
        async close() {
          await scenes.close();
          await emoji.close();
        },
      };
    } catch (error) {
      await emoji.close();
      throw error;
    }
  },

  async openEvaluation({ config, seed }, { encoder, reporter, signal }) {
    const options = { vision: encoder.vision, ...fingerprintOf(encoder), reporter, signal };
    const emoji = await encodeEmoji('test', retrievalCandidates(), options);
    try {
      const test = { count: config?.data.testScenes ?? TEST_SCENES, seed: seed ?? config?.seed ?? 0 };
      const scenes = await encodeScenes('test', test, options);
      const { features } = scenes;
      const indices = Array.from({ length: features.length }, (_, i) => i);
      return {
        emoji,
        scenes,
        retrieval: {
          features: emoji.features,
          texts: Array.from({ length: emoji.features.length }, (_, i) => captionProcessor(emoji.metadata(i).label)),
        },
        captions: { features, references: (index) => scenes.metadata(index).references },
        vqa: {
          features,
          types: questionTypes,
          questions: indices.flatMap((image) => scenes.metadata(image).qa.map((one) => ({ image, ...one }))),
        },
        async close() {
          await scenes.close();
          await emoji.close();
        },
      };
    } catch (error) {
      await emoji.close();
      throw error;
    }
  },
};

const fingerprintOf = ({ fingerprint }: { readonly fingerprint?: string }) =>
  fingerprint === undefined ? {} : { fingerprint };

/** @throws where the data are fewer than a batch */
function checkCounts({ data, stage1, stage2 }: EmojiConfig): void {
  const emoji = 4 * (data.emoji ?? loadEmoji().length);
  for (const [name, { batchSize }] of Object.entries({ stage1, stage2 })) {
    const short = emoji < batchSize ? `${emoji} drawings of emoji` : `${data.scenes} scenes`;
    if (emoji < batchSize || (data.scenes > 0 && data.scenes < batchSize)) {
      throw new Error(
        `${short} do not fill a batch of ${batchSize} in ${name}; train on more or lower its 'batchSize'.`,
      );
    }
  }
}

async function sampleFeatures({ features }: EncodedEmoji) {
  const count = Math.min(SAMPLE, features.length);
  return features.gather(Array.from({ length: count }, (_, i) => Math.floor((i * features.length) / count)));
}
