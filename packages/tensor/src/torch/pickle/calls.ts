import { quote } from '../../safetensors/errors.js';
import type { Machine } from './machine.js';
import { dtypeNames, rebuild, storageTypes } from './tensors.js';
import { isDict, isGlobal, isTensor, type TorchTensor, type Value } from './values.js';

/** Thrown for the arguments of a call that torch never makes. */
class WrongArguments extends Error {}

type Call = (args: Value[], machine: Machine) => Value;

const sequence: Call = ([values = []]) => {
  if (Array.isArray(values)) return values;
  throw new WrongArguments();
};

const sameTensor: Call = ([data]) => {
  if (isTensor(data)) return data;
  throw new WrongArguments();
};

/** bytes and bytearray, as old protocols write them: a text of letters below 256. */
const encoded: Call = ([text = '', encoding = 'latin1'], m) => {
  if (typeof text !== 'string' || (encoding !== 'latin1' && encoding !== 'latin-1')) throw new WrongArguments();
  m.spend(128 + text.length);
  return Uint8Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
};

/** The Python functions and classes that a pickle may call, and their replacements here. */
const calls: Record<string, Call> = {
  'collections.OrderedDict': ([pairs = []], m) => {
    m.spend(256);
    if (!Array.isArray(pairs)) throw new WrongArguments();
    m.spend(128 * pairs.length);
    return new Map(
      pairs.map((pair) => {
        if (!Array.isArray(pair) || pair.length !== 2) throw new WrongArguments();
        return pair as [Value, Value];
      }),
    );
  },
  'torch._utils._rebuild_tensor': (args, m) => tensor(args.slice(0, 4), m),
  'torch._utils._rebuild_tensor_v2': ([storage, offset, size, stride, , , metadata], m) =>
    tensor([storage, offset, size, stride, undefined, metadata], m),
  'torch._utils._rebuild_tensor_v3': ([storage, offset, size, stride, , , dtype, metadata], m) =>
    tensor([storage, offset, size, stride, dtype, metadata], m),
  'torch._utils._rebuild_parameter': sameTensor,
  'torch._utils._rebuild_parameter_with_state': sameTensor,
  'torch._tensor._rebuild_from_type_v2': ([callee, , args], m) => {
    if (!isGlobal(callee) || !callee.name.startsWith('torch._utils._rebuild_') || !Array.isArray(args)) {
      throw new WrongArguments();
    }
    return call(m, callee.name, args);
  },
  'torch.Size': sequence,
  'torch.device': ([device]) => device ?? null,
  'torch.serialization._get_layout': ([layout]) => layout ?? null,
  'builtins.set': sequence,
  'builtins.frozenset': sequence,
  'builtins.bytes': encoded,
  'builtins.bytearray': encoded,
  '_codecs.encode': encoded,
};

const known = new Set([
  ...Object.keys(calls),
  ...storageTypes.keys(),
  ...dtypeNames.keys(),
  'torch.Tensor',
  'torch.nn.parameter.Parameter',
]);

/** Resolves a Python name to an inert value. @throws for a name that is not known */
export function lookUp(m: Machine, name: string): Value {
  const full = name.replace(/^__builtin__\./, 'builtins.');
  if (!known.has(full)) throw refuse(m, name);
  return { kind: 'global', name: full };
}

export const refuse = (m: Machine, name: string): Error =>
  m.fail(
    `it refers to ${quote(name)}, which is neither a tensor nor a plain container, and was not called`,
    "save the model's state_dict() alone, or take another file",
  );

/** Calls a known function. @throws for one that cannot be called, and for arguments that torch never passes */
export function call(m: Machine, name: string, args: Value[]): Value {
  const run = Object.hasOwn(calls, name) ? calls[name] : undefined;
  if (!run) throw m.fail(`the pickle calls ${quote(name)}, which is not a function`);
  try {
    return run(args, m);
  } catch (error) {
    if (error instanceof WrongArguments) throw m.fail(`the pickle calls ${quote(name)} with wrong arguments`);
    throw error;
  }
}

function tensor(args: (Value | undefined)[], m: Machine): TorchTensor {
  const [storage, offset, shape, strides, dtype, metadata] = args;
  if (isDict(metadata ?? undefined) && (metadata as Map<Value, Value>).size > 0) {
    throw m.fail(
      'a tensor is marked as conjugate or negative',
      'save a copy of it, made with resolve_conj().resolve_neg()',
    );
  }
  m.spend(512);
  return rebuild(m.fail, { storage, offset, shape, strides, dtype });
}
