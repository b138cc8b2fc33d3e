import { type ResolveOptions, resolveModel } from '@blip2/hub';
import { compareLanguage, isLanguageType, languageConfig } from '@blip2/llm';
import type { Json, Mismatches, WeightSource } from '@blip2/tensor';
import { isFile, isFolder, readConfigJson } from '@blip2/tensor/files';
import { compareVision, readVisionConfig } from '@blip2/vision';
import { isExternal, readModelConfig } from './config.js';
import { folderFor, stagesIn } from './load.js';
import { type ExternalModels, loadPlan, mismatchesOf } from './load-plan.js';
import { type MemoryPlan, weightsPlan } from './memory.js';
import { valuesIn } from './sources.js';
import { openWeights } from './weights-file.js';

/** What is in a file or folder of weights, held against its config. */
export interface Inspection extends Mismatches {
  readonly path: string;
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: string }[];
  /** Values in all tensors together. */
  readonly parameters: number;
  /** What loading it would take. */
  readonly memory: MemoryPlan;
  /** Why the names could not be held against a config, where they could not. */
  readonly note?: string;
}

/**
 * Looks into a model without loading it: reads headers alone. A training run's folder gives one result a stage. A name
 * on the hub is downloaded first.
 * @throws for a path that holds no weights; see `resolveModel` for names
 */
export async function inspectModel(model: string, options: ResolveOptions = {}): Promise<Inspection[]> {
  const path = await resolveModel(model, options);
  const kinds = await stagesIn(path);
  const paths = kinds.length > 0 ? await Promise.all(kinds.reverse().map((kind) => folderFor(path, kind))) : [path];
  const found: Inspection[] = [];
  for (const one of paths) found.push(await inspectOne(one));
  return found;
}

async function inspectOne(path: string): Promise<Inspection> {
  if (!(await isFile(path)) && !(await isFolder(path))) {
    throw new Error(
      `There is no file or folder '${path}'; give a folder that holds config.json, or a file of weights.`,
    );
  }
  const source = await openWeights(path);
  try {
    const tensors = [...source.names].map(([name, { shape, dtype }]) => ({ name, shape: [...shape], dtype }));
    const memory = weightsPlan(tensors.map(({ shape }) => shape));
    return { path, tensors, parameters: valuesIn(source), memory, ...(await held(path, source)) };
  } finally {
    await source.close();
  }
}

const nothing: Mismatches = { missing: [], unused: [], misshaped: [] };

interface Held extends Mismatches {
  /** Where the config says more than the file. */
  readonly memory?: MemoryPlan;
  readonly note?: string;
}

async function held(path: string, source: WeightSource): Promise<Held> {
  if (!(await isFolder(path))) return { ...nothing, note: 'A single file has no config to be held against.' };
  try {
    const { missing, unused, misshaped, memory } = against(await readConfigJson(path), path, source);
    return { missing, unused, misshaped, ...(memory && { memory }) };
  } catch (error) {
    return { ...nothing, note: (error as Error).message };
  }
}

function against(json: Json, path: string, source: WeightSource): Held {
  if (isLanguageType(json.model_type)) return compareLanguage(source, languageConfig(json));
  if (json.model_type !== 'blip-2' && json.model_type !== 'instructblip') {
    return compareVision(source, readVisionConfig(json));
  }
  const model = readModelConfig(json, path);
  const plan = loadPlan(source, model, standIns(source, model));
  return { ...mismatchesOf(plan), memory: plan.memory };
}

/** For models that the config only names: nothing of theirs is looked at but their width. */
function standIns(
  { names }: WeightSource,
  { vision, language, qformer }: ReturnType<typeof readModelConfig>,
): ExternalModels {
  const never = (): never => {
    throw new Error('This stands in for a model that is not here.');
  };
  const width = names.get('language_projection.weight')?.shape[0] ?? 0;
  const ids = { bos: 0, pad: 0, eos: [] };
  return {
    ...(isExternal(vision) && { vision: { width: qformer.encoderWidth, encode: never } }),
    ...(language &&
      isExternal(language) && {
        language: { kind: 'decoder', width, vocabSize: 0, ids, embed: never, predict: never, start: never },
      }),
  };
}
