import { queryOutput } from '@blip2/qformer';
import type { Checks } from '../checks.js';
import type { Folder } from '../folder.js';
import { look, type Parts } from './parts.js';

/** The vision tower at another size than its positions are for, if the folder has golden values of that. */
export async function interpolated(folder: Folder, checks: Checks, parts: Parts<object>): Promise<void> {
  const name = 'interpolated.pixel_values';
  if (!folder.tensors.names.has(name)) return;
  checks.input(name);
  const features = look(parts, await folder.images(name));
  await checks.tensor('interpolated.vision.last_hidden_state', features);
  await checks.tensorIfAny('interpolated.qformer.last_hidden_state', () =>
    queryOutput(parts.qformer, parts.config, features),
  );
}
