import { call, lookUp, refuse } from './calls.js';
import type { Machine } from './machine.js';
import { isDict, isGlobal, type Value } from './values.js';

const LONGEST_NAME = 200;
const LONGEST_INTEGER = 255; // bytes
const LARGEST_GAP = 256; // between numbers in the memo, which picklers increment

type Opcode = (machine: Machine) => void;

/** Values that contain no other values. */
const scalars: Record<string, Opcode> = {
  N: (m) => m.push(null), // NONE
  '\x88': (m) => m.push(true), // NEWTRUE
  '\x89': (m) => m.push(false), // NEWFALSE
  J: (m) => m.push(m.cursor.i32()), // BININT
  K: (m) => m.push(m.cursor.u8()), // BININT1
  M: (m) => m.push(m.cursor.u16()), // BININT2
  '\x8a': (m) => m.push(integer(m, m.cursor.u8())), // LONG1
  '\x8b': (m) => m.push(integer(m, m.cursor.u32())), // LONG4
  G: (m) => m.push(m.cursor.f64()), // BINFLOAT
  X: (m) => m.push(text(m, m.cursor.u32())), // BINUNICODE
  '\x8c': (m) => m.push(text(m, m.cursor.u8())), // SHORT_BINUNICODE
  '\x8d': (m) => m.push(text(m, m.cursor.u64())), // BINUNICODE8
  T: (m) => m.push(text(m, m.cursor.u32(), 'latin1')), // BINSTRING
  U: (m) => m.push(text(m, m.cursor.u8(), 'latin1')), // SHORT_BINSTRING
  B: (m) => m.push(bytes(m, m.cursor.u32())), // BINBYTES
  C: (m) => m.push(bytes(m, m.cursor.u8())), // SHORT_BINBYTES
  '\x8e': (m) => m.push(bytes(m, m.cursor.u64())), // BINBYTES8
  '\x96': (m) => m.push(bytes(m, m.cursor.u64())), // BYTEARRAY8
};

/** Lists, tuples, sets and dicts. */
const containers: Record<string, Opcode> = {
  ']': (m) => m.push(list(m, [])), // EMPTY_LIST
  l: (m) => m.push(m.popToMark()), // LIST
  a: (m) => append(m, [m.pop()]), // APPEND
  e: (m) => append(m, m.popToMark()), // APPENDS
  '\x8f': (m) => m.push(list(m, [])), // EMPTY_SET
  '\x90': (m) => append(m, m.popToMark()), // ADDITEMS
  '\x91': (m) => m.push(m.popToMark()), // FROZENSET
  ')': (m) => m.push(list(m, [])), // EMPTY_TUPLE
  t: (m) => m.push(m.popToMark()), // TUPLE
  '\x85': (m) => m.push(list(m, [m.pop()])), // TUPLE1
  '\x86': (m) => m.push(list(m, [m.pop(), m.pop()].reverse())), // TUPLE2
  '\x87': (m) => m.push(list(m, [m.pop(), m.pop(), m.pop()].reverse())), // TUPLE3
  '}': (m) => m.push(dict(m)), // EMPTY_DICT
  d: (m) => fill(m, m.popToMark(), dict(m)), // DICT
  s: (m) => setItems(m, [m.pop(), m.pop()].reverse()), // SETITEM
  u: (m) => setItems(m, m.popToMark()), // SETITEMS
};

const stack: Record<string, Opcode> = {
  '(': (m) => m.mark(), // MARK
  '0': (m) => void m.pop(), // POP
  '1': (m) => void m.popToMark(), // POP_MARK
  '2': (m) => m.push(m.top()), // DUP
  q: (m) => memoize(m, m.cursor.u8()), // BINPUT
  r: (m) => memoize(m, m.cursor.u32()), // LONG_BINPUT
  '\x94': (m) => memoize(m, m.memo.length), // MEMOIZE
  h: (m) => m.push(recall(m, m.cursor.u8())), // BINGET
  j: (m) => m.push(recall(m, m.cursor.u32())), // LONG_BINGET
  '\x95': (m) => void m.cursor.u64(), // FRAME
};

/** Opcodes that run code in Python. Here a name is looked up in a table, and rejected where it is not there. */
const calls: Record<string, Opcode> = {
  c: (m) => m.push(global(m, m.cursor.line(LONGEST_NAME), m.cursor.line(LONGEST_NAME))), // GLOBAL
  '\x93': (m) => {
    const [name, module] = [m.pop(), m.pop()];
    if (typeof name !== 'string' || typeof module !== 'string')
      throw m.fail('the pickle refers to a global without a name');
    m.push(global(m, module, name));
  }, // STACK_GLOBAL
  i: (m) => void global(m, m.cursor.line(LONGEST_NAME), m.cursor.line(LONGEST_NAME), true), // INST
  R: (m) => reduce(m), // REDUCE
  '\x81': (m) => reduce(m), // NEWOBJ: a class is called as its constructor
  b: (m) => {
    m.pop();
    if (!isDict(m.top())) throw m.fail('the pickle sets the state of a value that is not an OrderedDict');
  }, // BUILD: attributes of an OrderedDict, such as the _metadata of a state_dict, are ignored
  Q: (m) => m.push(m.persistent(m.pop())), // BINPERSID
};

/** Operations by opcode. Protocols 2 to 5, without those that torch.save never writes. */
export const opcodes: ReadonlyMap<number, Opcode> = new Map(
  Object.entries({ ...scalars, ...containers, ...stack, ...calls }).map(([code, run]) => [code.charCodeAt(0), run]),
);

function list(m: Machine, values: Value[]): Value[] {
  m.spend(192);
  return values;
}

function dict(m: Machine): Map<Value, Value> {
  m.spend(256);
  return new Map();
}

function append(m: Machine, values: Value[]): void {
  const target = m.top();
  if (!Array.isArray(target)) throw m.fail('the pickle appends to a value that is not a list');
  m.spend(16 * values.length);
  for (const value of values) target.push(value);
}

function setItems(m: Machine, items: Value[]): void {
  const target = m.pop();
  if (!isDict(target)) throw m.fail('the pickle sets items of a value that is not a dict');
  fill(m, items, target);
}

function fill(m: Machine, items: Value[], target: Map<Value, Value>): void {
  if (items.length % 2 === 1) throw m.fail('the pickle has a key without a value');
  m.spend(64 * items.length);
  for (let i = 0; i < items.length; i += 2) target.set(items[i]!, items[i + 1]!);
  m.push(target);
}

function memoize(m: Machine, key: number): void {
  if (key > m.memo.length + LARGEST_GAP) throw m.fail(`the pickle stores a value as number ${key}, out of order`);
  m.spend(16 + 8 * Math.max(0, key - m.memo.length));
  m.memo[key] = m.top();
}

function recall(m: Machine, key: number): Value {
  const value = m.memo[key];
  if (value !== undefined) return value;
  throw m.fail(`the pickle recalls number ${key}, which it has not stored`);
}

function text(m: Machine, length: number, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  m.cursor.need(length);
  m.spend(48 + 2 * length);
  try {
    return m.cursor[encoding](length);
  } catch {
    throw m.fail('a text in the pickle is not UTF-8');
  }
}

function bytes(m: Machine, length: number): Uint8Array {
  m.cursor.need(length);
  m.spend(128 + length);
  return m.cursor.bytes(length);
}

/** Reads a whole number, little-endian in two's complement; a bigint where a number is not exact. */
function integer(m: Machine, length: number): number | bigint {
  if (length > LONGEST_INTEGER) throw m.fail(`the pickle has a whole number of ${length} bytes`);
  m.spend(64 + length);
  const digits = [...m.cursor.bytes(length)].reverse().map((byte) => byte.toString(16).padStart(2, '0'));
  const value = BigInt.asIntN(8 * length, BigInt(`0x${digits.join('') || '0'}`));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function global(m: Machine, module: string, name: string, instance = false): Value {
  const full = `${module}.${name}`;
  if (instance) throw refuse(m, full);
  m.spend(128);
  return lookUp(m, full);
}

function reduce(m: Machine): void {
  const [args, callee] = [m.pop(), m.pop()];
  if (!isGlobal(callee) || !Array.isArray(args)) throw m.fail('the pickle calls a value that is not a function');
  m.push(call(m, callee.name, args));
}
