export { cachedModels, deleteModel } from './cached-models.js';
export { resolveModel } from './resolve.js';
