import type { WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';

/** What the shaders are compiled for; all else is a uniform. */
export interface Variant {
  /** Components of a head that each thread sums: the least even number that covers K with TILE threads a row. */
  readonly parts: number;
  readonly masked: boolean;
  readonly rowed: boolean;
}

/** The whole numbers that every shader knows: G heads of keys, and L of the C keys that there is room for count. */
export const UNIFORMS = ['groups', 'B', 'I', 'H', 'G', 'K', 'Q', 'L', 'C', 'offset'] as const;

export interface Shader {
  readonly name: string;
  /** Names of the inputs, in their order. */
  readonly inputs: readonly string[];
  readonly code: string;
}

/** Queries, and keys, of one tile: a workgroup has a thread for each pair. */
export const TILE = 16;
const THREADS = TILE * TILE;

/**
 * A program of tfjs' webgpu backend with one workgroup for each of `groups` blocks. That backend compiles again where shapes
 * are newly equal or broadcast: inputs must come as vectors, and the output is a row of `size`.
 */
export function programOf(
  { name, inputs, code }: Shader,
  variant: Variant,
  { size, groups }: { size: number; groups: number },
): WebGPUProgram {
  const { parts, masked, rowed } = variant;
  return {
    variableNames: [...inputs, ...(masked ? ['mask'] : []), ...(rowed ? ['rows'] : [])],
    outputShape: [1, size],
    dispatchLayout: { x: [0] },
    dispatch: [groups, 1, 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: `${UNIFORMS.map((name) => `${name} : i32`).join(', ')}, scale : f32, maskStride : vec4<i32>, `,
    shaderKey: `${name}_${parts}_${masked}_${rowed}`,
    getUserCode: () => preamble(variant) + code,
  };
}

/**
 * Heads are contiguous in a row of the width D = H·K. Tiles in workgroup memory hold WIDE components of TILE rows, so that
 * any width of a head fits; each thread sums the components column, column + TILE, … of its row in registers.
 */
const preamble = ({ parts, masked, rowed }: Variant): string => `
  const TILE = ${TILE};
  const WIDE = ${2 * TILE};
  const STEP = ${2 * TILE + 1};
  const PARTS = ${parts};
  const LOWEST = -3.402823e38;
  const FUTURE = -10000.0; // MASKED in masks.ts
  const BLIND = -1000.0; // a query whose best score is above this gives no weight to keys in its future
  var<workgroup> left : array<f32, ${TILE * (2 * TILE + 1)}>;
  var<workgroup> right : array<f32, ${TILE * (2 * TILE + 1)}>;
  var<workgroup> shares : array<f32, ${TILE * (TILE + 1)}>;
  var<workgroup> gradients : array<f32, ${TILE * (TILE + 1)}>;
  var<workgroup> tops : array<f32, TILE>;
  var<workgroup> agreed : i32;

  fn scoreOf(product : f32, b : i32, h : i32, i : i32, l : i32) -> f32 {
    var score = product * uniforms.scale;
    ${masked ? 'let at = vec4<i32>(b, h, i, l) * uniforms.maskStride; score += mask[at.x + at.y + at.z + at.w];' : ''}
    return score + select(0.0, FUTURE, l > uniforms.offset + i);
  }

  fn imageOf(b : i32) -> i32 { return ${rowed ? 'rows[b]' : 'b'}; }

  /* Whether a query of the block, whose best scores are in tops, has no visible key before its future. */
  fn isBlind() -> bool {
    workgroupBarrier();
    if (localIndex == 0u) {
      agreed = 0;
      for (var r = 0; r < TILE; r++) { agreed += select(0, 1, tops[r] < BLIND); }
    }
    return workgroupUniformLoad(&agreed) > 0;
  }

  /* The number of the workgroup, uniform over its threads also for the compiler. */
  fn groupOf(index : i32) -> i32 {
    if (localIndex == 0u) { agreed = index / ${THREADS}; }
    return workgroupUniformLoad(&agreed);
  }
`;

/** Rows of a head in an array: `base` is the first component of the first row, and there are `count` of them. */
export interface Rows {
  readonly array: string;
  readonly base: string;
  readonly count: string;
  /** Heads beside each other in a row. */
  readonly heads: string;
}

/** Rows of queries from i on, [B,Q,H,K]. */
export const queries = (array: string, i: string): Rows => ({
  array,
  base: `((b * uniforms.Q + ${i}) * uniforms.H + h) * uniforms.K`,
  count: `uniforms.Q - ${i}`,
  heads: 'uniforms.H',
});

/** Rows of keys or values from l on, [I,C,G,K]. */
export const keys = (array: string, l: string): Rows => ({
  array,
  base: `((image * uniforms.C + ${l}) * uniforms.G + g) * uniforms.K`,
  count: `uniforms.L - ${l}`,
  heads: 'uniforms.G',
});

/** Loads components of rows, from `begin` on, into a tile, zeros where there are none. */
const load = (tile: 'left' | 'right', { array, base, count, heads }: Rows): string => `
  for (var e = local; e < TILE * WIDE; e += ${THREADS}) {
    let r = e / WIDE;
    let c = e - r * WIDE;
    var x = 0.0;
    if (r < ${count} && begin + c < uniforms.K) { x = ${array}[${base} + r * ${heads} * uniforms.K + begin + c]; }
    ${tile}[r * STEP + c] = x;
  }`;

/** `name` becomes the product of row `row` of x and row `column` of y. */
export const product = (name: string, x: Rows, y: Rows): string => `
  var ${name} = 0.0;
  for (var begin = 0; begin < uniforms.K; begin += WIDE) {
    workgroupBarrier();
    ${load('left', x)}
    ${load('right', y)}
    workgroupBarrier();
    for (var c = 0; c < WIDE; c++) { ${name} += left[row * STEP + c] * right[column * STEP + c]; }
  }`;

/** `sums` of a row += Σ weight(j)·(row j of x). */
export const accumulate = (sums: string, weight: string, x: Rows): string => `
  for (var part = 0; part < PARTS; part += 2) {
    let begin = part * TILE;
    workgroupBarrier();
    ${load('right', x)}
    workgroupBarrier();
    for (var p = 0; p < 2; p++) {
      var sum = 0.0;
      for (var j = 0; j < TILE; j++) { sum += ${weight} * right[j * STEP + p * TILE + column]; }
      ${sums}[part + p] += sum;
    }
  }`;

/** Writes the sums of a thread's row to the row at `base` of the result. */
export const store = (sums: string, base: string): string => `
  for (var part = 0; part < PARTS; part++) {
    let c = part * TILE + column;
    if (c < uniforms.K) { result[${base} + c] = ${sums}[part]; }
  }`;
