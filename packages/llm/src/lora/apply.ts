import {
  type Flat,
  hash,
  type ParamSpec,
  param,
  type Spec,
  specLeaves,
  type Tree,
  uniform,
  zeros,
} from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';
import { type LoraConfig, loraScale, loraTargets } from './config.js';
import type { LoraBranch } from './linear.js';

/** Linear layers by path, each with [output, input]. */
export type LinearLayers = ReadonlyMap<string, readonly [output: number, input: number]>;

/** Tables and heads, whose weights have two axes too. */
const NO_LAYER = /(?:^|\.)(?:embed_tokens|embed_positions|shared|relative_attention_bias|lm_head)\.weight$/;

/** Lists the linear layers of a language model's spec, which may have adapters: all but embeddings and the head. */
export function linearLayers(spec: Spec): LinearLayers {
  const layers = new Map<string, readonly [number, number]>();
  for (const [path, { shape }] of specLeaves(spec)) {
    if (shape.length !== 2 || !path.endsWith('.weight') || NO_LAYER.test(path)) continue;
    layers.set(path.slice(0, -'.weight'.length), shape as unknown as [number, number]);
  }
  return layers;
}

/**
 * Describes adapters by PEFT's names, `PATH.lora_A.weight` and `PATH.lora_B.weight`, initialized as there: A uniform, B zero,
 * so that they change nothing yet.
 * @throws where the targets match no layer
 */
export function loraSpec(layers: LinearLayers, config: LoraConfig): Readonly<Record<string, ParamSpec>> {
  const { rank } = config;
  if (!Number.isInteger(rank) || rank < 1)
    throw new Error(`The rank of LoRA must be a whole number from 1, not ${rank}.`);
  return Object.fromEntries(
    loraTargets([...layers.keys()], config).flatMap((path) => {
      const [output, input] = layers.get(path) as [number, number];
      return [
        [`${path}.lora_A.weight`, param([rank, input], uniform(input ** -0.5))],
        [`${path}.lora_B.weight`, param([output, rank], zeros)],
      ];
    }),
  );
}

/** Options of `withLora`. */
export interface WithLoraOptions {
  readonly config: LoraConfig;
  /** Seed of the adapters' dropout. Default: no dropout. */
  readonly seed?: number | undefined;
}

/** Splits the name of an adapter's tensor; undefined for another name. */
export function loraPart(name: string): { path: string; part: 'A' | 'B' } | undefined {
  const found = /^(.+)\.lora_([AB])\.weight$/.exec(name);
  return found ? { path: found[1] as string, part: found[2] as 'A' | 'B' } : undefined;
}

/**
 * Pairs A and B of each adapter, by the path of its layer.
 * @throws for other names, an A without B or a B without A, and two that do not fit
 */
export function loraPairs<T extends { readonly shape: readonly number[] }>(
  adapters: Iterable<readonly [name: string, value: T]>,
): Map<string, { readonly A: T; readonly B: T }> {
  const pairs = new Map<string, { A?: T; B?: T }>();
  for (const [name, value] of adapters) {
    const found = loraPart(name);
    if (!found) throw new Error(`The adapter tensor '${name}' is neither lora_A.weight nor lora_B.weight; remove it.`);
    pairs.set(found.path, { ...pairs.get(found.path), [found.part]: value });
  }
  for (const [path, { A, B }] of pairs) {
    if (A && B && A.shape.length === 2 && B.shape.length === 2 && A.shape[0] === B.shape[1]) continue;
    const shapes = `lora_A [${A?.shape ?? 'missing'}] and lora_B [${B?.shape ?? 'missing'}]`;
    throw new Error(`The adapter of '${path}' has ${shapes}; it needs [rank,input] and [output,rank].`);
  }
  return pairs as Map<string, { A: T; B: T }>;
}

/**
 * Gives parameters whose linear layers have adapters beside them; `adaptedLinear` applies those. No tensor is copied.
 * @param adapters by the names of `loraSpec`
 * @throws for an adapter of a layer that there is not, that has one already, or of another shape
 */
export function withLora<P extends object>(params: P, adapters: Flat, { config, seed }: WithLoraOptions): P {
  const { dropout: rate = 0 } = config;
  let tree: object = params;
  for (const [path, { A, B }] of loraPairs(Object.entries(adapters))) {
    const branch: LoraBranch = {
      down: A,
      up: B,
      scale: loraScale(config, A.shape[0]),
      dropout: seed === undefined || rate === 0 ? undefined : { rate, seed: hash(seed, path) },
    };
    tree = attached(tree, path.split('.'), { path, branch });
  }
  return tree as P;
}

interface Attachment {
  readonly path: string;
  readonly branch: LoraBranch;
}

/** Copies the records on the way to a layer, which gets the adapter. */
function attached(tree: object, [name, ...rest]: readonly string[], of: Attachment): object {
  if (name === undefined) return { ...tree, lora: fitting(tree as { weight?: tf.Tensor; lora?: LoraBranch }, of) };
  const child = (tree as { [name: string]: Tree | undefined })[name];
  if (!child || !Object.hasOwn(tree, name)) throw new Error(`There is no linear layer '${of.path}' for its adapter.`);
  const copy = (Array.isArray(tree) ? [...tree] : { ...tree }) as { [name: string]: object };
  copy[name] = attached(child, rest, of);
  return copy;
}

function fitting(
  { weight, lora }: { readonly weight?: tf.Tensor; readonly lora?: LoraBranch },
  { path, branch }: Attachment,
): LoraBranch {
  if (lora) throw new Error(`'${path}' has an adapter already; merge it into the weights first (blip2 convert).`);
  const { down, up } = branch;
  const [output, input] = weight?.shape ?? [];
  if (up.shape[0] === output && down.shape[1] === input) return branch;
  throw new Error(`The adapter of '${path}' is of a layer [${up.shape[0]},${down.shape[1]}], not [${weight?.shape}].`);
}
