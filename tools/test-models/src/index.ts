export { altered, languageAlone, threefold } from './folders.js';
export { drawShapes, type Shape, type ShapesLayout, shapesLayouts, writeShapes } from './shapes.js';
export { writeTorch } from './torch-file.js';
