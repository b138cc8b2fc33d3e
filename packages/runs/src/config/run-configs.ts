import { readFile } from 'node:fs/promises';
import { toPath } from '@blip2/tensor/files';
import type { z } from 'zod';
import { checkConfig } from './check.js';
import { type DataConfig, type RunConfig, runConfigSchema } from './schema.js';

/** Reads and checks the configurations of runs on one data set. */
export interface RunConfigs<D extends DataConfig = DataConfig> {
  /** The names of the presets. */
  readonly names: readonly string[];
  /**
   * Checks a configuration and fills in the defaults.
   * @param origin names the configuration in errors
   * @throws listing every key that is unknown, missing or invalid, with the known key that is spelled alike
   */
  parse(input: unknown, origin?: string): RunConfig<D>;
  /**
   * Reads a JSON configuration from a path or a `file:` URL. A key `preset` names a preset, which the other keys override.
   * @param base a configuration that the keys override, in place of a preset and of the defaults
   * @throws for a file that cannot be read or is invalid
   */
  read(path: string | URL, base?: RunConfig<D>): Promise<RunConfig<D>>;
  /** Returns the configuration of a preset. @throws for an unknown name, listing the known ones */
  preset(name: string): RunConfig<D>;
}

/**
 * Creates the configurations of a data set.
 * @param data schema of the part `data`, an extension of `dataSchema`
 * @param presets configurations by name
 */
export function runConfigs<D extends DataConfig>(
  data: z.ZodType<D>,
  presets: Readonly<Record<string, unknown>> = {},
): RunConfigs<D> {
  const schema = runConfigSchema(data) as unknown as z.ZodType<RunConfig<D>>;
  const names = Object.keys(presets);
  const parse = (input: unknown, origin?: string) => checkConfig(schema, input, origin);

  function preset(name: string): RunConfig<D> {
    if (Object.hasOwn(presets, name)) return parse(presets[name], `the preset '${name}'`);
    throw new Error(`There is no preset '${name}'; give one of ${names.join(', ')}.`);
  }

  async function read(file: string | URL, base?: RunConfig<D>): Promise<RunConfig<D>> {
    const path = toPath(file);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new Error(`The configuration ${path} cannot be read (${error.code}); check the path.`);
    });
    let json: unknown;
    try {
      json = JSON.parse(text.replace(/^\uFEFF/, ''));
    } catch (error) {
      throw new Error(`The configuration ${path} is not JSON: ${(error as Error).message}.`);
    }
    const whole = base && isRecord(json) ? merge({ ...base }, json) : withPreset(json, path, preset);
    return parse(whole, `the configuration ${path}`);
  }

  return { names, parse, read, preset };
}

type Json = { [key: string]: unknown };
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function withPreset(json: unknown, path: string, preset: (name: string) => object): unknown {
  if (!isRecord(json) || json.preset === undefined) return json;
  const { preset: name, ...changes } = json;
  if (typeof name !== 'string') throw new Error(`The configuration ${path} is wrong: 'preset' must be a name.`);
  return merge({ ...preset(name) }, changes);
}

function merge(base: Json, changes: Json): Json {
  const merged = Object.entries(changes).map(([key, value]) => {
    const old = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, isRecord(old) && isRecord(value) ? merge(old, value) : value];
  });
  return { ...base, ...Object.fromEntries(merged) };
}
