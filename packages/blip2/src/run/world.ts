import { loadTokenizer } from '@blip2/data';
import { loadEmoji } from '@blip2/emoji';
import type { Config } from '../config.js';
import { Disposables } from '../disposables.js';
import { compose, type Parts } from '../parts/compose.js';
import { loadBert, loadLanguageModel } from '../parts/load.js';
import { standardiseVision } from '../parts/standardise.js';
import { type FrozenFolders, frozenFolders } from './frozen.js';
import type { Reporter } from './reporter.js';
import { type SeenEmoji, type SeenScenes, seeEmoji, seeScenes } from './seen.js';
import { type OwnVision, openRunVision, type RunVision } from './vision.js';

/** What a run trains on and with. */
export interface World {
  readonly config: Config;
  readonly folders: FrozenFolders;
  readonly parts: Parts;
  readonly encoder: RunVision;
  readonly emoji: SeenEmoji;
  readonly scenes: SeenScenes;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** In place of the folder that the configuration names; borrowed. */
  readonly vision?: OwnVision | undefined;
  /** Whether a language model is needed. */
  readonly speaks: boolean;
}

/** Loads the frozen models and looks at all pictures with them. */
export async function openWorld(config: Config, options: WorldOptions): Promise<World> {
  const { reporter, signal, speaks } = options;
  const folders = frozenFolders(config);
  checkCounts(config);
  const made = new Disposables();
  try {
    const encoder = made.add(await openRunVision(config, options.vision), (opened) => opened.dispose());
    const { vision } = encoder;
    const language = speaks
      ? made.add(await loadLanguageModel(folders.language), (voice) => voice.dispose?.())
      : undefined;
    const { bert, text: words } = folders;
    const { dropout, embedDim: projectionSize, ...sizes } = config.qformer;
    const parts = await compose({
      vision,
      text: bert === null ? { tokenizer: await loadTokenizer(words) } : await loadBert(bert),
      ...(language ? { language } : {}),
      qformer: { ...sizes, projectionSize, dropout, attentionDropout: dropout },
      seed: config.seed,
    });
    made.add(parts, () => parts.dispose());
    const seen = { vision, fingerprint: encoder.fingerprint, reporter, signal };
    const entries = loadEmoji().slice(0, config.data.emoji ?? undefined);
    const emoji = made.add(await seeEmoji('train', entries, seen), (data) => data.close());
    const count = Math.max(config.data.scenes, 1);
    const scenes = made.add(await seeScenes('train', { count, seed: config.seed }, seen), (data) => data.close());
    await standardise(parts, emoji);
    return { config, folders, parts, encoder, emoji, scenes, close: () => made.close() };
  } catch (error) {
    await made.close();
    throw error;
  }
}

/** @throws where the data do not fill a batch, before anything was looked at. */
function checkCounts({ data, stage1, stage2 }: Config): void {
  const emoji = 4 * (data.emoji ?? loadEmoji().length);
  for (const [name, { batch }] of Object.entries({ stage1, stage2 })) {
    const short = emoji < batch ? `${emoji} drawings of emoji` : `${data.scenes} scenes`;
    if (emoji < batch || (data.scenes > 0 && data.scenes < batch)) {
      throw new Error(`${short} do not fill a batch of ${batch} in ${name}; train on more or lower its 'batch'.`);
    }
  }
}

const SAMPLE = 512;

async function standardise(parts: Parts, { features }: SeenEmoji): Promise<void> {
  const count = Math.min(SAMPLE, features.length);
  const places = Array.from({ length: count }, (_, i) => Math.floor((i * features.length) / count));
  const sample = await features.gather(places);
  standardiseVision(parts, sample);
  sample.dispose();
}
