import type * as tf from '@tensorflow/tfjs';
import { fillWith } from './fill.js';
import { allFloat, type FastKernel, sizeOf } from './kernel.js';

interface Attributes {
  alignCorners: boolean;
  halfPixelCenters: boolean;
  size: [number, number];
}

type Kind = 'Linear' | 'Nearest';

/** Place i of the output is i·ratio + shift of the input; the nearest one is the whole part of that. */
function placement([from, to]: [number, number], attrs: Attributes, kind: Kind): { ratio: number; shift: number } {
  const corners = attrs.alignCorners && to > 1;
  const ratio = corners ? (from - 1) / (to - 1) : from / to;
  const center = attrs.halfPixelCenters ? ratio * 0.5 : 0;
  if (kind === 'Nearest') return { ratio, shift: attrs.alignCorners ? center + 0.5 : center };
  return { ratio, shift: attrs.halfPixelCenters ? center - 0.5 : 0 };
}

/** What the kernels take after the pointers. */
function geometry(from: number[], to: number[], { attrs, kind }: { attrs: object; kind: Kind }): number[] {
  const [, H, W, C] = from as [number, number, number, number];
  const [outH, outW] = to as [number, number];
  const y = placement([H, outH], attrs as Attributes, kind);
  const x = placement([W, outW], attrs as Attributes, kind);
  return [H, W, C, outH, outW, y.ratio, x.ratio, y.shift, x.shift];
}

const resize =
  (kind: Kind): FastKernel =>
  ({ backend, wasm, inputs, attrs }) => {
    const x = inputs.images!;
    const { size } = attrs as unknown as Attributes;
    const shape = [x.shape[0]!, ...size, x.shape[3]!];
    if (!allFloat(x) || sizeOf(x) * sizeOf({ shape }) === 0) return undefined;
    const y = backend.output(shape);
    const places = [backend.pointer(x), backend.pointer(y), ...geometry(x.shape, size, { attrs, kind })];
    backend.run(wasm[`resize${kind}`], shape[0]! * size[0], sizeOf(y) * 1.5, ...places);
    return y;
  };

const resizeGrad =
  (kind: Kind): FastKernel =>
  (call) => {
    const { backend, wasm, inputs, attrs } = call;
    const { images, dy } = inputs as { images: tf.TensorInfo; dy: tf.TensorInfo };
    if (!allFloat(images, dy) || sizeOf(images) * sizeOf(dy) === 0) return undefined;
    const dx = fillWith(call, backend.output(images.shape), 0);
    const numbers = geometry(images.shape, dy.shape.slice(1, 3), { attrs, kind });
    const pointers = [backend.pointer(dy), backend.pointer(dx)];
    backend.run(wasm[`resize${kind}Grad`], images.shape[0]!, sizeOf(dy) * 4, ...pointers, ...numbers);
    return dx;
  };

export const resizeKernels: Record<string, FastKernel> = {
  ResizeBilinear: resize('Linear'),
  ResizeBilinearGrad: resizeGrad('Linear'),
  ResizeNearestNeighbor: resize('Nearest'),
  ResizeNearestNeighborGrad: resizeGrad('Nearest'),
};
