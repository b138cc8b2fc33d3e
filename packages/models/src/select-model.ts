import type { GenerationModel, LoadedModel, RetrievalModel } from './folder/loaded-model.js';

/** A loaded model, or an object with several, such as the result of `fromPretrained`. */
export type Models = LoadedModel | { readonly models: readonly LoadedModel[] };

const listOf = (models: Models): readonly LoadedModel[] => ('models' in models ? models.models : [models]);

const originOf = (models: Models): string =>
  listOf(models)
    .map(({ folder }) => folder)
    .join(', ');

/** Selects the generation model, which captions images and answers questions. @throws where there is none */
export function generationModel(models: Models, origin: string = originOf(models)): GenerationModel {
  const found = listOf(models).find((model): model is GenerationModel => model.kind === 'generation');
  if (found) return found;
  throw new Error(
    `'${origin}' has no language model to generate text with; give a Blip2ForConditionalGeneration folder.`,
  );
}

/** Selects the retrieval model, which scores image-text pairs. @throws where there is none */
export function retrievalModel(models: Models, origin: string = originOf(models)): RetrievalModel {
  const found = listOf(models).find((model): model is RetrievalModel => model.kind === 'retrieval');
  if (found) return found;
  throw new Error(`'${origin}' has no matching heads; give a Blip2ForImageTextRetrieval folder.`);
}

/** Selects the retrieval model where there is one, otherwise the generation model. @throws where there is none */
export function anyModel(models: Models): LoadedModel {
  const all = listOf(models);
  const found = all.find(({ kind }) => kind === 'retrieval') ?? all[0];
  if (found) return found;
  throw new Error('No model was given; load one with fromPretrained.');
}
