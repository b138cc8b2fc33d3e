import type { GenerationModel, LoadedModel, RetrievalModel } from '@blip2/models';
import { type Flat, flatten, type Tree, type WeightSource } from '@blip2/tensor';
import { isFile } from '@blip2/tensor/files';
import { compose, type Parts } from '@blip2/training';

/** The parameters of a loaded model as a source, from which a training copies them. */
function sourceOf({ params, folder }: LoadedModel): WeightSource {
  const tensors: Flat = flatten(params as Tree);
  return {
    origin: folder,
    names: new Map(Object.entries(tensors).map(([name, { shape, dtype }]) => [name, { shape, dtype }])),
    read: async (name) => (await tensors[name]!.data()) as Float32Array,
    close: async () => {},
  };
}

/** A copy of what a loaded model has of trained parameters, between its frozen models, which are borrowed. */
export function partsOf(model: GenerationModel | RetrievalModel, seed: number): Promise<Parts> {
  const { config, vision, tokenizer } = model;
  const { dropout, attentionDropout } = config;
  const initial = { config, weights: sourceOf(model) };
  const common = { vision, text: { tokenizer }, qformer: { dropout, attentionDropout }, seed };
  if (model.kind === 'retrieval') return compose({ ...common, initial: { stage1: initial } });
  return compose({ ...common, language: { ...model.language, tokenizer }, initial: { stage2: initial } });
}

/** @throws for a model whose language model has adapters: a training would save the language model without them */
export async function expectNoAdapters({ folder }: LoadedModel): Promise<void> {
  for (const path of ['adapter/adapter_config.json', 'adapter_config.json']) {
    if (!(await isFile(`${folder}/${path}`))) continue;
    throw new Error(
      `The language model of '${folder}' has adapters already; train the model that it was trained from.`,
    );
  }
}
