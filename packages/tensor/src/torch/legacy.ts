import { type ByteSource, readExactly } from '../safetensors/bytes.js';
import { quote } from '../safetensors/errors.js';
import { type Checkpoint, LARGEST_PICKLE } from './checkpoint.js';
import { AGAIN, TorchError } from './errors.js';
import { EndOfBytes } from './pickle/cursor.js';
import type { MachineOptions } from './pickle/machine.js';
import { runPickle } from './pickle/run.js';
import { isDict, type Value } from './pickle/values.js';
import { storageTable } from './storages.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
const FIRST_READ = 2 ** 16;

/**
 * Opens the format of torch.save before PyTorch 1.6: five pickles (a magic number, a protocol, the machine, the object, the
 * keys of storages), then each storage as the number of its elements and their bytes.
 * @throws TorchError for a malformed file
 */
export async function openLegacy(source: ByteSource, file: string): Promise<Checkpoint> {
  const fail = (problem: string, remedy = AGAIN) => new TorchError(file, problem, remedy);
  const { persistent, needed } = storageTable(fail);
  let at = 0;
  const next = async (): Promise<Value> => {
    const { value, end } = await readPickle(source, { file, at, options: { fail, persistent } });
    at = end;
    return value;
  };
  if ((await next()) !== MAGIC || (await next()) !== PROTOCOL)
    throw fail('it is a pickle that torch.save did not write');
  const machine = await next();
  if (isDict(machine) && machine.get('little_endian') === false) {
    throw fail('its numbers are big-endian', 'save it again on a little-endian machine');
  }
  const value = await next();
  const keys = await next();
  if (!Array.isArray(keys)) throw fail('the list of storages is missing');
  const offsets = new Map<string, number>();
  for (const key of keys) {
    const need = typeof key === 'string' ? needed.get(key) : undefined;
    if (typeof key !== 'string' || need === undefined || offsets.has(key))
      throw fail('the list of storages is invalid');
    if (at + 8 > source.size) throw fail(`the storage ${quote(key)} is missing`);
    const head = await readExactly(source, file, [at, 8]);
    const elements = new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true);
    const bytes = Number(elements) * need.elementBytes;
    at += 8;
    if (bytes < need.bytes) throw fail(`the storage ${quote(key)} has ${bytes} bytes instead of ${need.bytes}`);
    if (!(at + bytes <= source.size)) throw fail(`the storage ${quote(key)} reaches beyond the file`);
    offsets.set(key, at);
    at += bytes;
  }
  for (const key of needed.keys()) {
    if (!offsets.has(key)) throw fail(`the storage ${quote(key)} is missing`);
  }
  return { value, locate: async (key) => offsets.get(key)! };
}

interface Place {
  readonly file: string;
  readonly at: number;
  readonly options: MachineOptions;
}

/** Reads a pickle of unknown length: ever larger parts of the file, until the pickle ends. */
async function readPickle(source: ByteSource, { file, at, options }: Place): Promise<{ value: Value; end: number }> {
  for (let length = FIRST_READ; ; length *= 4) {
    const bytes = await readExactly(source, file, [at, Math.min(length, source.size - at)]);
    try {
      const { value, end } = runPickle(bytes, 0, options);
      return { value, end: at + end };
    } catch (error) {
      if (!(error instanceof EndOfBytes)) throw error;
      if (at + length >= source.size) throw options.fail('it ends within a pickle, so it is truncated');
      if (length >= LARGEST_PICKLE) throw options.fail(`a pickle has more than ${LARGEST_PICKLE} bytes`);
    }
  }
}
