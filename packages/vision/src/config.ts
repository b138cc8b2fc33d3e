import {
  type ActivationName,
  activationNames,
  fieldsOf,
  isJson,
  type Json,
  LARGEST_COUNT,
  MOST_LAYERS,
  show,
  showWord,
} from '@blip2/tensor';
import { type EfficientNetConfig, readEfficientNetConfig } from './efficientnet/config.js';
import type { FamilyName } from './families.js';

/** The configuration of an image encoder; `family` says which. */
export type VisionConfig = VitConfig | EfficientNetConfig;

/** Whether a configuration is that of a vision transformer. */
export const isVitConfig = (config: VisionConfig): config is VitConfig => config.family !== 'efficientnet_lite';

/** The configuration of a vision transformer. */
export interface VitConfig {
  readonly family: FamilyName;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Height and width of the images of the stored position embeddings; images of other sizes are encoded too. */
  readonly imageSize: readonly [height: number, width: number];
  readonly patchSize: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
  readonly qkvBias: boolean;
  /** PyTorch's `align_corners` when position embeddings are resized; true only in LAVIS' loader of CLIP. */
  readonly alignCorners: boolean;
}

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

/** transformers has no such model; the name is this package's own. */
const EFFICIENTNET = 'efficientnet_lite';

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

/** No published encoder has larger images; the position embeddings of such an image would not fit into memory. */
const LARGEST_SIDE = 4096;

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
 * @throws naming the key whose value is invalid, or a model type that is not supported.
 */
export function readVisionConfig(json: unknown): VisionConfig {
  const whole = record(json, 'The vision config');
  const part = whole.vision_config === undefined ? whole : record(whole.vision_config, "'vision_config'");
  const type = part.model_type ?? whole.model_type;
  if (type === EFFICIENTNET) return readEfficientNetConfig(part);
  const family = typeof type === 'string' && Object.hasOwn(modelTypes, type) ? modelTypes[type] : undefined;
  if (!family) {
    throw new Error(
      `The vision model_type ${showWord(type)} is not supported; supported are ${[...Object.keys(modelTypes), EFFICIENTNET].join(', ')}.`,
    );
  }
  const set = Object.entries(part).filter(([, value]) => value !== null && value !== undefined);
  const values: Json = { ...defaults[family], ...Object.fromEntries(set) };
  if (values.use_swiglu_ffn === true) {
    throw new Error('A DINOv2 with use_swiglu_ffn (the giant) is not supported; take a small, base or large one.');
  }
  const { count, positive, flag, oneOf } = fieldsOf(values, 'vision');
  const size = (field: string): number => count(field, 0, { least: 1 });
  const hiddenSize = size('hidden_size');
  const heads = size('num_attention_heads');
  if (hiddenSize % heads !== 0) {
    throw new Error(`The vision config's hidden_size ${hiddenSize} is no multiple of num_attention_heads ${heads}.`);
  }
  return {
    family,
    hiddenSize,
    heads,
    intermediateSize: family === 'dinov2' ? dinoWidth(hiddenSize, values) : size('intermediate_size'),
    layers: count('num_hidden_layers', 0, { least: 1, most: MOST_LAYERS }),
    imageSize: imageSize(values),
    patchSize: size('patch_size'),
    activation: oneOf('hidden_act', 'gelu', activationNames),
    epsilon: positive('layer_norm_eps', 1),
    qkvBias: flag('qkv_bias', true),
    alignCorners: false,
  };
}

/**
 * Reads the configuration of a vision transformer, and refuses that of another image encoder.
 * @throws for any other encoder too
 */
export function readVitConfig(json: unknown): VitConfig {
  const config = readVisionConfig(json);
  if (isVitConfig(config)) return config;
  throw new Error(`A vision transformer's config is wanted here, not that of an ${config.family}.`);
}

function record(value: unknown, what: string): Json {
  if (isJson(value)) return value;
  throw new Error(`${what} must be an object, not ${show(value)}.`);
}

/** DINOv2 has a ratio in place of the width of its feed-forward layers. */
function dinoWidth(hiddenSize: number, values: Json): number {
  const width = Math.floor(hiddenSize * fieldsOf(values, 'vision').positive('mlp_ratio', 4));
  if (width >= 1 && width <= LARGEST_COUNT) return width;
  throw new Error(`The vision config's mlp_ratio ${show(values.mlp_ratio)} makes layers of width ${width}.`);
}

function imageSize(values: Json): readonly [number, number] {
  const { image_size: value } = values;
  if (Array.isArray(value) && value.length !== 2) {
    throw new Error(`The vision config's image_size must be one number or two, not ${show(value)}.`);
  }
  const [height, width] = Array.isArray(value) ? value : [value, value];
  const { count } = fieldsOf(values, 'vision');
  const patch = count('patch_size', 0, { least: 1 });
  const side = (image_size: unknown): number =>
    fieldsOf({ image_size }, 'vision').count('image_size', 0, { least: 1, most: LARGEST_SIDE });
  const sizes = [side(height), side(width)] as const;
  if (Math.min(...sizes) < patch) {
    throw new Error(`The vision config's image_size ${sizes} is smaller than its patch_size ${patch}.`);
  }
  return sizes;
}
