import { qformerConfig, qformerConfigJson } from '@blip2/qformer';
import type { WeightSource } from '@blip2/tensor';
import { isJson, type Json } from '@blip2/tensor';

/** Numbers of heads by width, of the published models: shapes do not determine them. */
const HEADS: Readonly<Record<number, number>> = { 1408: 16, 1024: 16, 768: 12 };

/**
 * Infers the `config.json` of a BLIP-2 from its tensors (Hugging Face's names), without architecture and language model.
 * Numbers of heads are null for widths of which no model was published.
 * @throws naming a tensor that is missing
 */
export function inferConfig(source: WeightSource): Json {
  const [, queries] = shapeOf(source, 'query_tokens');
  const projection = source.names.get('vision_projection.weight')?.shape[0];
  return {
    model_type: 'blip-2',
    num_query_tokens: queries,
    ...(projection !== undefined && { image_text_hidden_size: projection }),
    vision_config: inferVision(source),
    qformer_config: inferQformer(source),
  };
}

const VISION = 'vision_model.';

/** Of a CLIP, transformers drops the last layer: its config counts one more than the file holds. */
function inferVision(source: WeightSource): Json {
  const clip = source.names.has(`${VISION}embeddings.position_embedding.weight`);
  const [width = 0, , patch = 0] = shapeOf(source, `${VISION}embeddings.patch_embedding.weight`);
  const positions = shapeOf(source, `${VISION}embeddings.position_embedding${clip ? '.weight' : ''}`).at(-2) ?? 0;
  const layers = count(source, /^vision_model\.encoder\.layers\.(\d+)\./);
  const [inner] = shapeOf(source, `${VISION}encoder.layers.0.mlp.fc1.weight`);
  return {
    model_type: clip ? 'clip_vision_model' : 'blip_2_vision_model',
    hidden_size: width,
    intermediate_size: inner,
    num_hidden_layers: clip ? layers + 1 : layers,
    num_attention_heads: HEADS[width] ?? null,
    image_size: Math.round(Math.sqrt(positions - 1) * patch),
    patch_size: patch,
    hidden_act: clip ? 'quick_gelu' : 'gelu',
    layer_norm_eps: clip ? 1e-5 : 1e-6,
    attention_dropout: 0,
    ...(!clip && { qkv_bias: true }),
  };
}

function inferQformer(source: WeightSource): Json {
  const layer = 'qformer.encoder.layer.';
  const [, , width = 0] = shapeOf(source, 'query_tokens');
  const [inner = 0] = shapeOf(source, `${layer}0.intermediate_query.dense.weight`);
  const [, encoderWidth = 0] = shapeOf(source, `${layer}0.crossattention.attention.key.weight`);
  const layers = count(source, /^qformer\.encoder\.layer\.(\d+)\./);
  const hasCrossAttention = (i: number): boolean =>
    source.names.has(`${layer}${i}.crossattention.attention.key.weight`);
  const second = Array.from({ length: layers }, (_, i) => i).find((i) => i > 0 && hasCrossAttention(i));
  const [vocabSize] = source.names.get('embeddings.word_embeddings.weight')?.shape ?? [];
  const [maxPositions] = source.names.get('embeddings.position_embeddings.weight')?.shape ?? [];
  // One head divides any width; the number of heads is set below.
  const config = qformerConfig(
    {},
    {
      hiddenSize: width,
      heads: 1,
      layers,
      intermediateSize: inner,
      encoderWidth,
      crossAttentionFrequency: second ?? layers,
      textInput: vocabSize !== undefined,
      ...(vocabSize !== undefined && { vocabSize }),
      ...(maxPositions !== undefined && { maxPositions }),
    },
  );
  return { ...qformerConfigJson(config), num_attention_heads: HEADS[width] ?? null };
}

function shapeOf({ names, origin }: WeightSource, name: string): readonly number[] {
  const found = names.get(name);
  if (found) return found.shape;
  throw new Error(`There is no '${name}' in ${origin}, so it is not a BLIP-2; give the checkpoint of a Q-Former.`);
}

/** One more than the largest number that the pattern captures. */
const count = ({ names }: WeightSource, place: RegExp): number =>
  Math.max(0, ...[...names.keys()].map((name) => Number(place.exec(name)?.[1] ?? -1) + 1));

/** @throws where a number of heads is null */
export function expectHeads(config: Json, origin: string): void {
  for (const key of ['vision_config', 'qformer_config']) {
    const part = config[key];
    if (!isJson(part) || part.num_attention_heads !== null) continue;
    const example = `{"${key}": {"num_attention_heads": 12}}`;
    throw new Error(
      `The weights in ${origin} do not determine the number of heads of the ${key}; give it as the option 'config' (--config FILE): ${example}.`,
    );
  }
}

/** Overrides keys of a config, also within its parts. */
export function overrideConfig(config: Json, changes: Json): Json {
  const changed = Object.entries(changes).map(([key, value]) => {
    const old = Object.hasOwn(config, key) ? config[key] : undefined;
    return [key, isJson(old) && isJson(value) ? overrideConfig(old, value) : value] as const;
  });
  return Object.fromEntries([...Object.entries(config), ...changed]);
}
