import type { LoadedModel, RetrievalModel } from './loaded.js';

/** A model by itself, or all that were loaded from a folder. */
export type Models = LoadedModel | { readonly models: readonly LoadedModel[] };

const listed = (models: Models): readonly LoadedModel[] => ('models' in models ? models.models : [models]);

/** The one that compares pictures with texts. @throws where there is none */
export function retrievalModel(
  models: Models,
  origin: string = listed(models)
    .map(({ folder }) => folder)
    .join(', '),
): RetrievalModel {
  const found = listed(models).find((model): model is RetrievalModel => model.kind === 'retrieval');
  if (found) return found;
  throw new Error(`'${origin}' has no matching heads; give a Blip2ForImageTextRetrieval folder.`);
}

/** The one that compares pictures with texts where there is one, else the one that speaks. */
export function anyModel(models: Models): LoadedModel {
  const all = listed(models);
  const found = all.find(({ kind }) => kind === 'retrieval') ?? all[0];
  if (found) return found;
  throw new Error('No model was given; load one with fromPretrained.');
}
