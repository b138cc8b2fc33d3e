import { type ByteSource, readExactly } from '../safetensors/bytes.js';
import { quote } from '../safetensors/errors.js';
import { type Checkpoint, LARGEST_PICKLE } from './checkpoint.js';
import { AGAIN, TorchError } from './errors.js';
import { EndOfBytes } from './pickle/cursor.js';
import { runPickle } from './pickle/run.js';
import { storageTable } from './storages.js';
import { dataOffset, readDirectory, type ZipEntry } from './zip.js';

/**
 * Opens the format of torch.save since PyTorch 1.6: a zip archive of one folder, with the pickle `data.pkl` and a file
 * `data/KEY` for each storage.
 * @throws TorchError for a malformed archive
 */
export async function openArchive(source: ByteSource, file: string): Promise<Checkpoint> {
  const fail = (problem: string, remedy = AGAIN) => new TorchError(file, problem, remedy);
  const entries = new Map((await readDirectory(source, file)).map((entry) => [entry.name, entry]));
  const folder = folderOf([...entries.keys()], fail);
  const content = async (entry: ZipEntry, most: number): Promise<Uint8Array> => {
    if (entry.size > most) throw fail(`${quote(entry.name)} has ${entry.size} bytes, more than ${most}`);
    return readExactly(source, file, [await dataOffset(source, file, entry), entry.size]);
  };
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(await content(order, 16)) !== 'little') {
    throw fail('its numbers are big-endian', 'save it again on a little-endian machine');
  }
  const { persistent, needed } = storageTable(fail);
  const value = readPickle(await content(entries.get(`${folder}data.pkl`)!, LARGEST_PICKLE), { fail, persistent });
  const storage = (key: string): ZipEntry => {
    const entry = entries.get(`${folder}data/${key}`);
    if (entry) return entry;
    throw fail(`the storage ${quote(key)} is missing`);
  };
  for (const [key, { bytes }] of needed) {
    const { size, at } = storage(key);
    if (size < bytes) throw fail(`the storage ${quote(key)} has ${size} bytes instead of ${bytes}`);
    if (!(at + size <= source.size)) throw fail(`the storage ${quote(key)} reaches beyond the file`);
  }
  const offsets = new Map<string, number>();
  const locate = async (key: string): Promise<number> => {
    const offset = offsets.get(key) ?? (await dataOffset(source, file, storage(key)));
    offsets.set(key, offset);
    return offset;
  };
  return { value, locate };
}

function readPickle(bytes: Uint8Array, options: Parameters<typeof runPickle>[2]) {
  try {
    return runPickle(bytes, 0, options).value;
  } catch (error) {
    throw error instanceof EndOfBytes ? options.fail('data.pkl ends too early') : error;
  }
}

function folderOf(names: readonly string[], fail: (problem: string, remedy?: string) => Error): string {
  const found = names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (found.length !== 1) throw fail('the zip archive has no data.pkl, so torch.save did not write it');
  const folder = found[0]!.slice(0, -'data.pkl'.length);
  if (!names.some((name) => name.startsWith(`${folder}code/`))) return folder;
  throw fail('it is a TorchScript program', 'save the state_dict() of the model it was made from');
}
