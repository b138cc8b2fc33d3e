import type { Dtype } from '../../safetensors/dtype.js';

/** A tensor: a view of a storage. Offset and strides count elements. */
export interface TorchTensor {
  readonly kind: 'tensor';
  readonly storage: TorchStorage;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Numbers that are contiguous in the file, under a key. Several tensors may share one. */
export interface TorchStorage {
  readonly kind: 'storage';
  readonly key: string;
  /** Undefined for untyped bytes: the tensor then has the dtype. */
  readonly dtype: Dtype | undefined;
  /** Start and length within the data of the key, in elements; in bytes where it has no dtype. */
  readonly start: number;
  readonly size: number;
}

/** The name of a Python object, as an inert value. */
export interface Global {
  readonly kind: 'global';
  readonly name: string;
}

/** A value of a pickle. Lists, tuples and sets are arrays, dicts are maps, so that no key can be mistaken for a property. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Map<Value, Value>
  | Global
  | TorchStorage
  | TorchTensor;

export const isDict = (value: Value | undefined): value is Map<Value, Value> => value instanceof Map;

export const isTensor = (value: Value | undefined): value is TorchTensor => kindOf(value) === 'tensor';
export const isStorage = (value: Value | undefined): value is TorchStorage => kindOf(value) === 'storage';
export const isGlobal = (value: Value | undefined): value is Global => kindOf(value) === 'global';

// No value of a pickle is a plain object but these three, so that none can be forged.
function kindOf(value: Value | undefined): string | undefined {
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
}
