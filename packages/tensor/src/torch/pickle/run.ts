import { quote } from '../../safetensors/errors.js';
import { Machine, type MachineOptions } from './machine.js';
import { opcodes } from './opcodes.js';
import type { Value } from './values.js';

const [PROTO, STOP] = [0x80, 0x2e];
const NEWEST_PROTOCOL = 5;

/**
 * Evaluates the pickle that starts at `at`, as plain data.
 * @returns its value, and the offset at which it ends
 * @throws what `fail` makes; `EndOfBytes` where the bytes end within the pickle
 */
export function runPickle(bytes: Uint8Array, at: number, options: MachineOptions): { value: Value; end: number } {
  const machine = new Machine(bytes, at, options);
  const { cursor, fail } = machine;
  if (cursor.u8() !== PROTO) throw fail('there is no pickle where one must start');
  const protocol = cursor.u8();
  if (protocol < 2 || protocol > NEWEST_PROTOCOL)
    throw fail(`the pickle has the protocol ${protocol}; 2 to 5 are read`);
  for (;;) {
    const code = cursor.u8();
    if (code === STOP) return { value: machine.pop(), end: cursor.at };
    const opcode = opcodes.get(code);
    if (!opcode)
      throw fail(`the pickle has the opcode ${quote(String.fromCharCode(code))}, which torch.save never writes`);
    opcode(machine);
  }
}
