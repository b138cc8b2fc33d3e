import { type DerivedTensor, derivedSource, type WeightSource } from '@blip2/tensor';
import { fusedBiasSource } from './fused-bias.js';

/** Names in LAVIS checkpoints, and the family's own: `{i}` is the block's number, `*` stands for the rest. */
export const lavisNames = {
  eva: {
    'visual_encoder.cls_token': 'embeddings.class_embedding',
    'visual_encoder.pos_embed': 'embeddings.position_embedding',
    'visual_encoder.patch_embed.proj.*': 'embeddings.patch_embedding.*',
    'visual_encoder.blocks.{i}.norm1.*': 'encoder.layers.{i}.layer_norm1.*',
    'visual_encoder.blocks.{i}.norm2.*': 'encoder.layers.{i}.layer_norm2.*',
    'visual_encoder.blocks.{i}.attn.proj.*': 'encoder.layers.{i}.self_attn.projection.*',
    'visual_encoder.blocks.{i}.attn.*': 'encoder.layers.{i}.self_attn.*',
    'visual_encoder.blocks.{i}.mlp.*': 'encoder.layers.{i}.mlp.*',
    'ln_vision.*': 'post_layernorm.*',
  },
  clip: {
    'visual_encoder.class_embedding': 'embeddings.class_embedding',
    'visual_encoder.positional_embedding': 'embeddings.position_embedding.weight',
    'visual_encoder.conv1.weight': 'embeddings.patch_embedding.weight',
    'visual_encoder.ln_pre.*': 'pre_layrnorm.*',
    'visual_encoder.transformer.resblocks.{i}.ln_1.*': 'encoder.layers.{i}.layer_norm1.*',
    'visual_encoder.transformer.resblocks.{i}.ln_2.*': 'encoder.layers.{i}.layer_norm2.*',
    'visual_encoder.transformer.resblocks.{i}.attn.in_proj_*': 'encoder.layers.{i}.self_attn.{q,k,v}_proj.*',
    'visual_encoder.transformer.resblocks.{i}.attn.out_proj.*': 'encoder.layers.{i}.self_attn.out_proj.*',
    'visual_encoder.transformer.resblocks.{i}.mlp.c_fc.*': 'encoder.layers.{i}.mlp.fc1.*',
    'visual_encoder.transformer.resblocks.{i}.mlp.c_proj.*': 'encoder.layers.{i}.mlp.fc2.*',
    'ln_vision.*': 'post_layernorm.*',
  },
} as const;

/** An image encoder that LAVIS has checkpoints of. */
export type LavisFamily = keyof typeof lavisNames;

/** Number of blocks that BLIP-2 uses of each: LAVIS leaves the last one of the encoder's own file out. */
const blocks: Readonly<Record<LavisFamily, number>> = { eva: 39, clip: 23 };

/** What stands before the names in a checkpoint; the encoder's own file (`eva_vit_g.pth`, `clip_vit_L.pth`) has them bare. */
const PREFIX = 'visual_encoder.';

/** Tells which image encoder a checkpoint of LAVIS, or an encoder's own file, has, if any. */
export function lavisFamily({ names }: WeightSource): LavisFamily | undefined {
  const has = (name: string): boolean => names.has(PREFIX + name) || names.has(name);
  if (has('class_embedding') && has('conv1.weight')) return 'clip';
  return has('cls_token') && has('patch_embed.proj.weight') ? 'eva' : undefined;
}

/**
 * Wraps a LAVIS checkpoint, or the file of its encoder alone, so that it has the family's own names, without prefix:
 * `loadVisionEncoder(lavisVisionSource(source, 'eva'), config)`. CLIP's fused projections appear as three. Tensors of
 * other models, and of blocks that BLIP-2 does not use, are left out.
 */
export function lavisVisionSource(source: WeightSource, family: LavisFamily): WeightSource {
  const whole = family === 'eva' ? fusedBiasSource(source) : source;
  const bare = ![...source.names.keys()].some((name) => name.startsWith(PREFIX));
  const tensors = new Map<string, DerivedTensor>();
  for (const [name, { shape, dtype }] of whole.names) {
    const own = ownName(name, family) ?? (bare ? ownName(PREFIX + name, family) : undefined);
    if (own === undefined || Number(/\.layers\.(\d+)\./.exec(own)?.[1] ?? 0) >= blocks[family]) continue;
    if (own.includes(THREE)) {
      const third = [(shape[0] ?? 0) / 3, ...shape.slice(1)];
      for (const [i, letter] of ['q', 'k', 'v'].entries()) {
        const read = async (): Promise<Float32Array> => thirdOf(await whole.read(name), i);
        tensors.set(own.replace(THREE, letter), { shape: third, dtype, read });
      }
    } else tensors.set(own, { shape, dtype, read: () => whole.read(name) });
  }
  return derivedSource(source, tensors);
}

/**
 * Wraps an encoder of the family's own names, without prefix, so that it has those of LAVIS. CLIP's three projections appear
 * as one, and EVA's bias as those of queries and values; that of the keys does not change softmax and is left out.
 */
export function toLavisVisionSource(source: WeightSource, family: LavisFamily): WeightSource {
  const tensors = new Map<string, DerivedTensor>();
  for (const [name, { shape, dtype }] of source.names) {
    const lavis = lavisVisionName(name, family);
    if (lavis === undefined) continue;
    if (family === 'eva' && name.endsWith('.qkv.bias')) {
      for (const [letter, i] of [['q', 0] as const, ['v', 2] as const]) {
        const read = async (): Promise<Float32Array> => thirdOf(await source.read(name), i);
        const part = lavis.replace(/qkv\.bias$/, `${letter}_bias`);
        tensors.set(part, { shape: [(shape[0] ?? 0) / 3], dtype, read });
      }
    } else if (!PROJECTION.test(name)) {
      tensors.set(lavis, { shape, dtype, read: () => source.read(name) });
    } else if (!tensors.has(lavis)) {
      const parts = ['q', 'k', 'v'].map((letter) => name.replace(PROJECTION, `.${letter}_proj.`));
      const read = async (): Promise<Float32Array> => {
        const joined = new Float32Array(3 * shape.reduce((a, b) => a * b, 1));
        for (const [i, part] of parts.entries()) joined.set(await source.read(part), (i * joined.length) / 3);
        return joined;
      };
      tensors.set(lavis, { shape: [3 * (shape[0] ?? 0), ...shape.slice(1)], dtype, read });
    }
  }
  return derivedSource(source, tensors);
}

const THREE = '{q,k,v}';
const PROJECTION = /\.[qkv]_proj\./;

const thirdOf = (values: Float32Array, i: number): Float32Array =>
  values.slice((i * values.length) / 3, ((i + 1) * values.length) / 3);

/** The family's own name of LAVIS' name. */
const ownName = (name: string, family: LavisFamily): string | undefined =>
  translate(name, Object.entries(lavisNames[family]));

/** LAVIS' name of the family's own. Of CLIP's three projections each has the name of the whole. */
const lavisVisionName = (name: string, family: LavisFamily): string | undefined =>
  translate(
    name.replace(PROJECTION, `.${THREE}_proj.`),
    Object.entries(lavisNames[family]).map(([lavis, own]) => [own, lavis] as const),
  );

/** The name by the first row that it fits. */
function translate(name: string, rows: readonly (readonly [from: string, to: string])[]): string | undefined {
  for (const [from, to] of rows) {
    const pattern = from.replace(/[.{}]/g, '\\$&').replace('\\{i\\}', '(?<i>\\d+)').replace('*', '(?<rest>.+)');
    const found = new RegExp(`^${pattern}$`).exec(name);
    if (!found) continue;
    const { i = '', rest = '' } = found.groups ?? {};
    return to.replace('{i}', i).replace('*', () => rest);
  }
  return undefined;
}
