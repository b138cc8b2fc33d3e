import { join } from 'node:path';
import { loadVisionEncoder, readVitConfig } from '@blip2/vision';
import type { Checks } from '../checks.js';
import type { Folder } from '../folder.js';
import { readJson } from '../json.js';

/** A vision encoder: every hidden state, and the last one as its family gives it (CLIP's has no final norm). */
export async function encoder(folder: Folder, checks: Checks): Promise<void> {
  const config = readVitConfig(readJson(join(folder.path, 'config.json')));
  checks.input('pixel_values');
  const pixels = await folder.images('pixel_values');
  using encoder = await loadVisionEncoder(folder.model, config, { layer: -1, finalNorm: config.family !== 'clip' });
  for (const [i, state] of encoder.encodeLayers(pixels).entries()) await checks.tensor(`hidden_states.${i}`, state);
  await checks.tensor('last_hidden_state', encoder.encode(pixels));
}
