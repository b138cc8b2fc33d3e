export { type Graph, type Node, type OnnxConstant, type OnnxShape, onnxModel } from './model.js';
