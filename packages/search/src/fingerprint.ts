import { cacheKey } from '@blip2/data';
import type { RetrievalModel } from '@blip2/models';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type * as tf from '@tensorflow/tfjs';

/**
 * Computes the fingerprint of a model whose vectors an index holds: a hash of its sizes, its image processor, and the
 * weights of its projections.
 */
export async function fingerprintOf({ config, processor, params }: RetrievalModel): Promise<string> {
  const { query_tokens, vision_projection, text_projection, itm_head } = params;
  const hashed = [
    query_tokens,
    params.vision_model.post_layernorm.weight,
    ...[vision_projection, text_projection, itm_head].map((head) => head?.weight),
  ];
  const weights: string[] = [];
  for (const tensor of hashed as tf.Tensor[]) {
    const { buffer, byteOffset, byteLength } = (await tensor.data()) as Float32Array;
    weights.push(bytesToHex(sha256(new Uint8Array(buffer, byteOffset, byteLength))));
  }
  const { queries, projectionSize, encoderWidth } = config;
  return cacheKey({ queries, projectionSize, encoderWidth }, processor, weights);
}
