import { BLOCKS, type QuantizedFormat } from '../quantized/formats.js';

/** The types of tensors that are read: float32, and those that stay packed. */
export type GgufType = 'F32' | Exclude<QuantizedFormat, 'I8'>;

/** Values and bytes of a block. */
export function blockOf(type: GgufType): { readonly values: number; readonly bytes: number } {
  return type === 'F32' ? { values: 1, bytes: 4 } : BLOCKS[type];
}

/** ggml's numbers of the types. */
const TYPES: ReadonlyMap<number, GgufType> = new Map([
  [0, 'F32'],
  [1, 'F16'],
  [2, 'Q4_0'],
  [3, 'Q4_1'],
  [8, 'Q8_0'],
  [12, 'Q4_K'],
  [14, 'Q6_K'],
  [30, 'BF16'],
]);

/** The other numbers that files have, for errors. */
const OTHERS: ReadonlyMap<number, string> = new Map([
  ...(['Q5_0', 'Q5_1'] as const).map((name, i) => [6 + i, name] as const),
  ...(['Q8_1', 'Q2_K', 'Q3_K'] as const).map((name, i) => [9 + i, name] as const),
  ...([[13, 'Q5_K']] as const),
  ...(['Q8_K', 'IQ2_XXS', 'IQ2_XS', 'IQ3_XXS', 'IQ1_S', 'IQ4_NL', 'IQ3_S', 'IQ2_S', 'IQ4_XS'] as const).map(
    (name, i) => [15 + i, name] as const,
  ),
  ...(['I8', 'I16', 'I32', 'I64', 'F64', 'IQ1_M'] as const).map((name, i) => [24 + i, name] as const),
  ...(['TQ1_0', 'TQ2_0'] as const).map((name, i) => [34 + i, name] as const),
  ...([[39, 'MXFP4']] as const),
]);

/** Gives the type of a number, or undefined for one that is not read. */
export const typeOf = (number: number): GgufType | undefined => TYPES.get(number);

/** Names a type that is not read. */
export const typeName = (number: number): string => OTHERS.get(number) ?? `number ${number}`;

/** The names of the types that are read. */
export const ggufTypes: readonly GgufType[] = [...TYPES.values()];
