import { type ActivationName, activationNames } from '@blip2/tensor';
import type { FamilyName } from './families.js';

/** What a vision transformer is made of. */
export interface VisionConfig {
  readonly family: FamilyName;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Height and width of the pictures that the stored positions are for; pictures of other sizes are served too. */
  readonly imageSize: readonly [height: number, width: number];
  readonly patchSize: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
  readonly qkvBias: boolean;
  /** How positions are resized: PyTorch's `align_corners`. Only LAVIS' loader of CLIP has it true. */
  readonly alignCorners: boolean;
}

type Json = { readonly [key: string]: unknown };

const modelTypes: Readonly<Record<string, FamilyName>> = {
  blip_2_vision_model: 'eva',
  'blip-2': 'eva',
  instructblip_vision_model: 'eva',
  instructblip: 'eva',
  clip_vision_model: 'clip',
  clip: 'clip',
  siglip_vision_model: 'siglip',
  siglip: 'siglip',
  dinov2: 'dinov2',
  vit: 'vit',
};

const base = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  image_size: 224,
  patch_size: 16,
  hidden_act: 'gelu',
  layer_norm_eps: 1e-6,
  qkv_bias: true,
};

/** Files hold only what differs from these, the defaults of transformers (specification, section 6.1). */
const defaults: Readonly<Record<FamilyName, Json>> = {
  eva: {
    ...base,
    hidden_size: 1408,
    intermediate_size: 6144,
    num_hidden_layers: 39,
    num_attention_heads: 16,
    patch_size: 14,
  },
  clip: { ...base, patch_size: 32, hidden_act: 'quick_gelu', layer_norm_eps: 1e-5 },
  siglip: { ...base, hidden_act: 'gelu_pytorch_tanh' },
  dinov2: { ...base, patch_size: 14, mlp_ratio: 4 },
  vit: { ...base, layer_norm_eps: 1e-12 },
};

/**
 * Reads a vision encoder's `config.json`, or the `vision_config` of a whole model's; keys that are absent or null take
 * their family's default.
 * @throws naming the key and the value that cannot be, or a model type that is not known.
 */
export function readVisionConfig(json: unknown): VisionConfig {
  const whole = record(json, 'The vision config');
  const part = whole.vision_config === undefined ? whole : record(whole.vision_config, "'vision_config'");
  const type = part.model_type ?? whole.model_type;
  const family = typeof type === 'string' && Object.hasOwn(modelTypes, type) ? modelTypes[type] : undefined;
  if (!family) {
    throw new Error(`The vision model_type '${type}' is not known; known are ${Object.keys(modelTypes).join(', ')}.`);
  }
  const set = Object.entries(part).filter(([, value]) => value !== null && value !== undefined);
  const values: Json = { ...defaults[family], ...Object.fromEntries(set) };
  if (values.use_swiglu_ffn === true) {
    throw new Error('A DINOv2 with use_swiglu_ffn (the giant) is not supported; take a small, base or large one.');
  }
  const hiddenSize = integer(values, 'hidden_size');
  const heads = integer(values, 'num_attention_heads');
  if (hiddenSize % heads !== 0) {
    throw new Error(`The vision config's hidden_size ${hiddenSize} is no multiple of num_attention_heads ${heads}.`);
  }
  return {
    family,
    hiddenSize,
    heads,
    intermediateSize:
      family === 'dinov2'
        ? Math.floor(hiddenSize * positive(values, 'mlp_ratio'))
        : integer(values, 'intermediate_size'),
    layers: integer(values, 'num_hidden_layers'),
    imageSize: imageSize(values),
    patchSize: integer(values, 'patch_size'),
    activation: activationName(values),
    epsilon: positive(values, 'layer_norm_eps'),
    qkvBias: values.qkv_bias !== false,
    alignCorners: false,
  };
}

function record(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new Error(`${what} must be an object, not ${JSON.stringify(value)}.`);
}

function positive(values: Json, key: string): number {
  const value = values[key];
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
  throw new Error(`The vision config's ${key} must be a positive number, not ${JSON.stringify(value)}.`);
}

function integer(values: Json, key: string): number {
  const value = positive(values, key);
  if (Number.isInteger(value)) return value;
  throw new Error(`The vision config's ${key} must be a whole number, not ${value}.`);
}

function imageSize(values: Json): readonly [number, number] {
  const value = values.image_size;
  const [height, width] = Array.isArray(value) ? value : [value, value];
  const patch = integer(values, 'patch_size');
  const sizes = [integer({ image_size: height }, 'image_size'), integer({ image_size: width }, 'image_size')] as const;
  if (Math.min(...sizes) < patch) {
    throw new Error(`The vision config's image_size ${sizes} is smaller than its patch_size ${patch}.`);
  }
  return sizes;
}

function activationName(values: Json): ActivationName {
  const name = values.hidden_act;
  const found = activationNames.find((known) => known === name);
  if (found) return found;
  throw new Error(`The vision config's hidden_act '${name}' is not known; known are ${activationNames.join(', ')}.`);
}
