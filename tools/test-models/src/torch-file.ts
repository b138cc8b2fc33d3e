import { writeFile } from 'node:fs/promises';
import type { WeightSource } from '@blip2/tensor';

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const text = (value: string): Uint8Array => join([latin1('X'), u32(value.length), latin1(value)]);
const tuple = (...values: Uint8Array[]): Uint8Array => join([latin1('('), ...values, latin1('t')]);
const whole = (value: number): Uint8Array => join([latin1('J'), u32(value)]);
const pickle = (value: Uint8Array): Uint8Array => join([latin1('\x80\x02'), value, latin1('.')]);

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * Writes tensors as torch.save(..., _use_new_zipfile_serialization=False) would, under `model` beside plain values. What
 * torch itself writes is held by the fixtures of `@blip2/tensor/torch`.
 */
export async function writeTorch(path: string, source: WeightSource): Promise<void> {
  const [items, keys, storages]: [Uint8Array[], Uint8Array[], Uint8Array[]] = [[], [], []];
  for (const [name, { shape }] of source.names) {
    const values = await source.read(name);
    const key = text(String(keys.length));
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    const id = tuple(
      text('storage'),
      latin1('ctorch\nFloatStorage\n'),
      key,
      text('cpu'),
      whole(values.length),
      latin1('N'),
    );
    items.push(text(name), latin1('ctorch._utils\n_rebuild_tensor_v2\n'));
    const described = [
      tuple(...shape.map(whole)),
      tuple(...strides.map(whole)),
      latin1('\x89ccollections\nOrderedDict\n)R'),
    ];
    items.push(tuple(id, latin1('Q'), whole(0), ...described), latin1('R'));
    keys.push(key);
    storages.push(u32(values.length), u32(0), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  const model = join([latin1('}('), ...items, latin1('u')]);
  const checkpoint = join([latin1('}('), text('model'), model, text('epoch'), whole(3), latin1('u')]);
  const head = [
    pickle(latin1('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19')),
    pickle(latin1('M\xe9\x03')),
    pickle(join([latin1('}'), text('little_endian'), latin1('\x88s')])),
    pickle(checkpoint),
    pickle(join([latin1(']('), ...keys, latin1('e')])),
  ];
  await writeFile(path, join([...head, ...storages]));
}
