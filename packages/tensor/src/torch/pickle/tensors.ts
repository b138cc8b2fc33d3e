import { DTYPE_BYTES, type Dtype } from '../../safetensors/dtype.js';
import type { MachineOptions } from './machine.js';
import { isGlobal, isStorage, type TorchStorage, type TorchTensor, type Value } from './values.js';

/** Classes of storages and their dtypes; untyped ones have none. */
export const storageTypes: ReadonlyMap<string, Dtype | undefined> = new Map([
  ['torch.DoubleStorage', 'F64'],
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
  ['torch.storage.UntypedStorage', undefined],
]);

/** The dtypes of PyTorch by name. */
export const dtypeNames: ReadonlyMap<string, Dtype> = new Map([
  ['torch.float64', 'F64'],
  ['torch.float32', 'F32'],
  ['torch.float16', 'F16'],
  ['torch.bfloat16', 'BF16'],
  ['torch.float8_e4m3fn', 'F8_E4M3'],
  ['torch.float8_e5m2', 'F8_E5M2'],
  ['torch.int64', 'I64'],
  ['torch.int32', 'I32'],
  ['torch.int16', 'I16'],
  ['torch.int8', 'I8'],
  ['torch.uint64', 'U64'],
  ['torch.uint32', 'U32'],
  ['torch.uint16', 'U16'],
  ['torch.uint8', 'U8'],
  ['torch.bool', 'BOOL'],
]);

/** Returns the bytes of an element of a storage. */
export const elementBytes = ({ dtype }: Pick<TorchStorage, 'dtype'>): number =>
  dtype === undefined ? 1 : DTYPE_BYTES[dtype];

const HIGHEST_RANK = 64;
/** A tensor that repeats elements of its storage (`expand`) may be larger than it, up to this many elements. */
const LARGEST_REPEATED = 2 ** 20;

/** The arguments from which PyTorch rebuilds a tensor. */
export interface TensorArgs {
  readonly storage: Value | undefined;
  readonly offset: Value | undefined;
  readonly shape: Value | undefined;
  readonly strides: Value | undefined;
  /** For a storage that has none. */
  readonly dtype: Value | undefined;
}

/** Rebuilds a tensor, which must lie inside its storage. @throws what `fail` makes for invalid arguments */
export function rebuild(fail: MachineOptions['fail'], args: TensorArgs): TorchTensor {
  const { storage, offset, shape, strides } = args;
  if (!isStorage(storage) || !isCount(offset) || !isCounts(shape) || !isCounts(strides)) {
    throw fail('a tensor is not described by a storage, an offset, a size and strides of at most 64 whole numbers');
  }
  const dtype = storage.dtype ?? (isGlobal(args.dtype) ? dtypeNames.get(args.dtype.name) : undefined);
  if (dtype === undefined) throw fail('a tensor over untyped bytes has no dtype');
  if (shape.length !== strides.length) throw fail(`a tensor of ${shape.length} axes has ${strides.length} strides`);
  const what = `a tensor [${shape}] with strides [${strides}] and offset ${offset}`;
  const inStorage = (storage.size * elementBytes(storage)) / DTYPE_BYTES[dtype];
  const size = shape.reduce((a, b) => a * b, 1);
  const last = size === 0 ? offset - 1 : shape.reduce((at, n, axis) => at + (n - 1) * strides[axis]!, offset);
  if (!(last < inStorage)) throw fail(`${what} exceeds its storage of ${inStorage} elements`);
  if (size > Math.max(inStorage, LARGEST_REPEATED)) throw fail(`${what} is far larger than its storage`);
  // Copies: what comes later in the pickle may still append to these lists.
  return { kind: 'tensor', storage, dtype, shape: [...shape], strides: [...strides], offset };
}

/** Whether a value is a whole number from 0. */
export const isCount = (value: Value | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

const isCounts = (value: Value | undefined): value is number[] =>
  Array.isArray(value) && value.length <= HIGHEST_RANK && value.every(isCount);
