import type { WeightSource } from '@blip2/tensor';
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

/**
 * A LAVIS checkpoint seen under the family's own names, without prefix: `loadVisionEncoder(lavisVisionSource(source, 'eva'),
 * config)`. CLIP's fused projections appear as three. Names that are not the encoder's are left out.
 */
export function lavisVisionSource(source: WeightSource, family: keyof typeof lavisNames): WeightSource {
  const whole = family === 'eva' ? fusedBiasSource(source) : source;
  const names = new Map<string, { shape: readonly number[]; dtype: string }>();
  const origins = new Map<string, { name: string; part: number | undefined }>();
  for (const [name, { shape, dtype }] of whole.names) {
    const own = ownName(name, lavisNames[family]);
    if (own === undefined) continue;
    for (const [part, letter] of own.includes('{q,k,v}') ? ['q', 'k', 'v'].entries() : ([[undefined, '']] as const)) {
      const path = own.replace('{q,k,v}', letter);
      names.set(path, { shape: part === undefined ? shape : [(shape[0] ?? 0) / 3, ...shape.slice(1)], dtype });
      origins.set(path, { name, part });
    }
  }
  const read = async (path: string): Promise<Float32Array> => {
    const from = origins.get(path);
    if (!from) throw new Error(`There is no '${path}' in ${source.origin}.`);
    const values = await whole.read(from.name);
    const size = values.length / 3;
    return from.part === undefined ? values : values.subarray(from.part * size, (from.part + 1) * size);
  };
  return { origin: source.origin, names, read, close: () => source.close() };
}

function ownName(name: string, table: Readonly<Record<string, string>>): string | undefined {
  for (const [from, to] of Object.entries(table)) {
    const pattern = from.replace(/[.]/g, '\\.').replace('{i}', '(?<i>\\d+)').replace('*', '(?<rest>.+)');
    const found = new RegExp(`^${pattern}$`).exec(name);
    if (!found) continue;
    const { i = '', rest = '' } = found.groups ?? {};
    return to.replace('{i}', i).replace('*', rest);
  }
  return undefined;
}
