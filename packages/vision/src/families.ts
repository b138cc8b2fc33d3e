/** A family of vision transformers: how its checkpoints name their tensors, and in what it differs from others. */
export interface Family {
  /** Prefixes that the names in a file may have; the first that matches is used. */
  readonly prefixes: readonly string[];
  readonly patch: { readonly path: string; readonly bias: boolean };
  /** Absent: no class token. `vector`: stored as [D], else as [1,1,D]. */
  readonly classToken?: { readonly path: string; readonly vector: boolean };
  /** `table`: stored as [T,D], else as [1,T,D]. */
  readonly positions: { readonly path: string; readonly table: boolean };
  /** Layer norm before the blocks. */
  readonly preNorm?: string;
  readonly layers: string;
  readonly block: BlockNames;
  /** Layer norm after the blocks; features are taken before it. */
  readonly finalNorm: string;
  /** Prefixes of names that may be in a file and are not used. */
  readonly unused: readonly string[];
  /** The hidden state that features are by default: -1 the last, -2 the last but one. */
  readonly layer: number;
}

/** The names inside a block. */
export interface BlockNames {
  readonly norm1: string;
  /** One projection to queries, keys and values, or three. */
  readonly attention:
    | { readonly fused: string }
    | { readonly query: string; readonly key: string; readonly value: string };
  readonly projection: string;
  readonly scale1?: string;
  readonly norm2: string;
  readonly fc1: string;
  readonly fc2: string;
  readonly scale2?: string;
}

const clipBlock: BlockNames = {
  norm1: 'layer_norm1',
  attention: { query: 'self_attn.q_proj', key: 'self_attn.k_proj', value: 'self_attn.v_proj' },
  projection: 'self_attn.out_proj',
  norm2: 'layer_norm2',
  fc1: 'mlp.fc1',
  fc2: 'mlp.fc2',
};

const bertAttention = {
  attention: {
    query: 'attention.attention.query',
    key: 'attention.attention.key',
    value: 'attention.attention.value',
  },
  projection: 'attention.output.dense',
};

const clip: Family = {
  prefixes: ['vision_model.', ''],
  patch: { path: 'embeddings.patch_embedding', bias: false },
  classToken: { path: 'embeddings.class_embedding', vector: true },
  positions: { path: 'embeddings.position_embedding.weight', table: true },
  preNorm: 'pre_layrnorm',
  layers: 'encoder.layers',
  block: clipBlock,
  finalNorm: 'post_layernorm',
  unused: ['embeddings.position_ids'],
  layer: -2,
};

const eva: Family = {
  prefixes: ['vision_model.', ''],
  patch: { path: 'embeddings.patch_embedding', bias: true },
  classToken: { path: 'embeddings.class_embedding', vector: false },
  positions: { path: 'embeddings.position_embedding', table: false },
  layers: 'encoder.layers',
  block: { ...clipBlock, attention: { fused: 'self_attn.qkv' }, projection: 'self_attn.projection' },
  finalNorm: 'post_layernorm',
  unused: [],
  layer: -1,
};

const siglip: Family = {
  prefixes: ['vision_model.', ''],
  patch: { path: 'embeddings.patch_embedding', bias: true },
  positions: { path: 'embeddings.position_embedding.weight', table: true },
  layers: 'encoder.layers',
  block: clipBlock,
  finalNorm: 'post_layernorm',
  unused: ['embeddings.position_ids', 'head.'],
  layer: -1,
};

const vit: Family = {
  prefixes: ['vit.', 'vision_model.', ''],
  patch: { path: 'embeddings.patch_embeddings.projection', bias: true },
  classToken: { path: 'embeddings.cls_token', vector: false },
  positions: { path: 'embeddings.position_embeddings', table: false },
  layers: 'encoder.layer',
  block: {
    ...bertAttention,
    norm1: 'layernorm_before',
    norm2: 'layernorm_after',
    fc1: 'intermediate.dense',
    fc2: 'output.dense',
  },
  finalNorm: 'layernorm',
  unused: ['embeddings.mask_token', 'pooler.'],
  layer: -1,
};

const dinov2: Family = {
  ...vit,
  prefixes: ['dinov2.', 'vision_model.', ''],
  block: {
    ...bertAttention,
    norm1: 'norm1',
    scale1: 'layer_scale1.lambda1',
    norm2: 'norm2',
    fc1: 'mlp.fc1',
    fc2: 'mlp.fc2',
    scale2: 'layer_scale2.lambda1',
  },
};

/** The supported families of pre-norm vision transformers. */
export const families = { eva, clip, siglip, dinov2, vit } as const satisfies Record<string, Family>;

/** The name of a supported family. */
export type FamilyName = keyof typeof families;

/** Gives a family by its name. */
export const family = (name: FamilyName): Family => families[name];
