import { compareLanguage, isLanguageType, languageConfig } from '@blip2/llm';
import type { Json, Mismatches, WeightSource } from '@blip2/tensor';
import { isFile, isFolder, openWeights } from '@blip2/tensor/files';
import { compareVision, readVisionConfig } from '@blip2/vision';
import { type ModelSource, openModelSource, type SourceOptions } from '../model-source.js';
import { readModelConfig } from './config.js';
import { modelFolder, modelKindsIn } from './load.js';
import { loadPlan, mismatchesOf } from './load-plan.js';
import { type MemoryPlan, weightsPlan } from './memory.js';
import { openModel } from './open.js';
import { placeholders } from './placeholders.js';
import { type QuantizationConfig, readQuantization } from './quantization.js';
import { valuesIn } from './sources.js';

/** The tensors of a file or folder of weights, compared with its config. */
export interface Inspection extends Mismatches {
  readonly path: string;
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: string }[];
  /** The number of values in all tensors. */
  readonly parameters: number;
  /** The memory that loading it needs. */
  readonly memory: MemoryPlan;
  /** How its frozen parts were quantized, where they were. */
  readonly quantization?: QuantizationConfig;
  /** Why the tensors could not be compared with a config, where they could not. */
  readonly note?: string;
}

/**
 * Lists the tensors of a model and compares them with its config. Reads only headers; a model on the hub is downloaded
 * first.
 * @param model a folder or file of weights (a path or a `file:` URL), a training run's folder, a hub name, or what else
 * `fromPretrained` takes. Default: the model
 * of `@blip2/starter`
 * @returns one result, or one per stage for a training run's folder
 * @throws for a path without weights, and as `resolveModel` does
 */
export async function inspectModel(model?: ModelSource, options: SourceOptions = {}): Promise<Inspection[]> {
  const { folder, close } = await openModelSource(model, options);
  try {
    const kinds = await modelKindsIn(folder);
    const paths =
      kinds.length > 0 ? await Promise.all(kinds.reverse().map((kind) => modelFolder(folder, kind))) : [folder];
    const found: Inspection[] = [];
    for (const one of paths) found.push(await inspectOne(one));
    return found;
  } finally {
    close();
  }
}

async function inspectOne(path: string): Promise<Inspection> {
  if (!(await isFile(path)) && !(await isFolder(path))) {
    throw new Error(
      `There is no file or folder '${path}'; give a folder that holds config.json, or a file of weights.`,
    );
  }
  const { source, json, note } = await openInspected(path);
  try {
    const tensors = [...source.names].map(([name, { shape, dtype }]) => ({ name, shape: [...shape], dtype }));
    const memory = weightsPlan([...source.names.values()]);
    const compared = json ? comparison(json, path, source) : { ...nothing, ...(note !== undefined && { note }) };
    const quantization = json && readQuantization(json, path);
    return { path, tensors, parameters: valuesIn(source), memory, ...(quantization && { quantization }), ...compared };
  } finally {
    await source.close();
  }
}

const nothing: Mismatches = { missing: [], unused: [], misshaped: [] };

interface Comparison extends Mismatches {
  /** Absent where the config adds nothing to the file. */
  readonly memory?: MemoryPlan;
  readonly note?: string;
}

interface Inspected {
  readonly source: WeightSource;
  readonly json?: Json;
  /** Why there is no config. */
  readonly note?: string;
}

/** Opens a folder with the frozen parts that it refers to; what has no usable config is opened as weights alone. */
async function openInspected(path: string): Promise<Inspected> {
  if (!(await isFolder(path))) {
    return { source: await openWeights(path), note: 'A single file has no config to compare its tensors with.' };
  }
  try {
    return await openModel(path);
  } catch (error) {
    return { source: await openWeights(path), note: (error as Error).message };
  }
}

function comparison(json: Json, path: string, source: WeightSource): Comparison {
  try {
    const { missing, unused, misshaped, memory } = compareWithConfig(json, path, source);
    return { missing, unused, misshaped, ...(memory && { memory }) };
  } catch (error) {
    return { ...nothing, note: (error as Error).message };
  }
}

function compareWithConfig(json: Json, path: string, source: WeightSource): Comparison {
  if (isLanguageType(json.model_type)) return compareLanguage(source, languageConfig(json));
  if (json.model_type !== 'blip-2' && json.model_type !== 'instructblip') {
    return compareVision(source, readVisionConfig(json));
  }
  const model = readModelConfig(json, path);
  const plan = loadPlan(source, model, placeholders(source, model));
  return { ...mismatchesOf(plan), memory: plan.memory };
}
