import { cacheKey } from '@blip2/data';
import type { RetrievalModel } from '@blip2/models';
import type * as tf from '@tensorflow/tfjs';

/**
 * Says which model vectors were made by: a hash of its sizes, of how it takes images, and of the weights that make its
 * vectors comparable. Two models that differ in these cannot be searched with each other's vectors.
 */
export async function fingerprintOf({ config, processor, params }: RetrievalModel): Promise<string> {
  const { query_tokens, vision_projection, text_projection, itm_head } = params;
  const deciding = [
    query_tokens,
    params.vision_model.post_layernorm.weight,
    ...[vision_projection, text_projection, itm_head].map((head) => head?.weight),
  ];
  const weights: string[] = [];
  for (const tensor of deciding as tf.Tensor[]) {
    const { buffer, byteOffset, byteLength } = (await tensor.data()) as Float32Array;
    const digest = await crypto.subtle.digest('SHA-256', new Uint8Array(buffer, byteOffset, byteLength).slice());
    weights.push(Buffer.from(digest).toString('hex'));
  }
  const { queries, projectionSize, encoderWidth } = config;
  return cacheKey({ queries, projectionSize, encoderWidth }, processor, weights);
}
