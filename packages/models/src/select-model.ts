import type { GenerationModel, LoadedModel, RetrievalModel } from './folder/loaded-model.js';

/** A model by itself, or all that were loaded from a folder. */
export type Models = LoadedModel | { readonly models: readonly LoadedModel[] };

const listed = (models: Models): readonly LoadedModel[] => ('models' in models ? models.models : [models]);

const originOf = (models: Models): string =>
  listed(models)
    .map(({ folder }) => folder)
    .join(', ');

/** The model that captions and answers. @throws where there is none */
export function generationModel(models: Models, origin: string = originOf(models)): GenerationModel {
  const found = listed(models).find((model): model is GenerationModel => model.kind === 'generation');
  if (found) return found;
  throw new Error(
    `'${origin}' has no language model to generate text with; give a Blip2ForConditionalGeneration folder.`,
  );
}

/** The model that matches images with texts. @throws where there is none */
export function retrievalModel(models: Models, origin: string = originOf(models)): RetrievalModel {
  const found = listed(models).find((model): model is RetrievalModel => model.kind === 'retrieval');
  if (found) return found;
  throw new Error(`'${origin}' has no matching heads; give a Blip2ForImageTextRetrieval folder.`);
}

/** The one that compares images with texts where there is one, else the one that speaks. */
export function anyModel(models: Models): LoadedModel {
  const all = listed(models);
  const found = all.find(({ kind }) => kind === 'retrieval') ?? all[0];
  if (found) return found;
  throw new Error('No model was given; load one with fromPretrained.');
}
