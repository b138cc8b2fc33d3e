export { altered, languageAlone, threefold } from './folders.js';
export { cachedRealModels, downloadRealModels, type RealModels } from './real-models.js';
export { drawShapes, type Shape, type ShapesLayout, shapesLayouts, writeShapes } from './shapes.js';
export { writeTorch } from './torch-file.js';
