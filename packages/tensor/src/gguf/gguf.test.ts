import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWeights, readConfigJson, readGenerationJson } from '@blip2/tensor/files';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { fixture } from '@blip2/testing';
import { describe, expect, test } from '@jest/globals';
import { dequantize } from '../index.js';
import { GgufError, openGguf } from './index.js';

const folder = fixture('gguf');

/** A file: its metadata and the descriptions of its tensors, by what writes them. */
function file(entries: readonly Uint8Array[], tensors: readonly Uint8Array[] = [], data = 0, version = 3): Uint8Array {
  const head = join8(text4('GGUF'), u32(version), u64(tensors.length), u64(entries.length), ...entries, ...tensors);
  return join8(head, new Uint8Array(((32 - (head.length % 32)) % 32) + data));
}

const join8 = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const text4 = (text: string): Uint8Array => new TextEncoder().encode(text);
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const u64 = (value: number | bigint): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
const string = (text: string): Uint8Array => join8(u64(text4(text).length), text4(text));
const entry = (key: string, type: number, ...value: readonly Uint8Array[]): Uint8Array =>
  join8(string(key), u32(type), ...value);
const tensor = (name: string, dims: readonly number[], type: number, offset: number): Uint8Array =>
  join8(string(name), u32(dims.length), ...dims.map((size) => u64(size)), u32(type), u64(offset));

describe('values', () => {
  test.each(['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q4_K', 'Q6_K'])(
    '%s is unpacked as ggml does',
    async (type) => {
      const source = await openGguf(join(folder, 'types.gguf'));
      const golden = await openSafetensors(join(folder, 'types.safetensors'));
      const expected = await golden.read(type);
      expect(source.names.get(type)).toMatchObject({ shape: [3, 256], dtype: type });
      expect([...(await source.read(type))]).toEqual([...expected]);
      const packed = await source.quantized(type);
      expect(packed?.format).toBe(type === 'F32' ? undefined : type);
      if (packed) expect([...dequantize(packed)]).toEqual([...expected]);
      await golden.close();
      await source.close();
      await expect(source.read(type)).rejects.toThrow('it is closed');
    },
  );

  test('bytes in memory are read as a file is, and unknown names are refused', async () => {
    const bytes = await readFile(join(folder, 'types.gguf'));
    const source = await openGguf(bytes, { name: 'mine' });
    expect(source.origin).toBe('mine');
    expect([...source.names.keys()]).toHaveLength(8);
    await expect(source.read('none')).rejects.toThrow('mine: there is no tensor "none"');
  });

  test('metadata of every type', async () => {
    const source = await openGguf(
      file([
        entry('a', 0, Uint8Array.of(200)),
        entry('b', 1, Uint8Array.of(200)),
        entry('c', 5, u32(0xffffffff)),
        entry('d', 6, new Uint8Array(Float32Array.of(0.5).buffer)),
        entry('e', 7, Uint8Array.of(1)),
        entry('f', 8, string('é')),
        entry('g', 9, join8(u32(8), u64(2), string('x'), string(''))),
        entry('h', 10, u64(2n ** 60n)),
        entry('i', 11, u64(2n ** 64n - 1n)),
        entry('j', 12, new Uint8Array(Float64Array.of(1e300).buffer)),
      ]),
    );
    expect(Object.fromEntries(source.metadata)).toEqual({
      ...{ a: 200, b: -56, c: -1, d: 0.5, e: true, f: 'é', g: ['x', ''], h: 2n ** 60n, i: -1, j: 1e300 },
    });
  });
});

describe('a file that is refused', () => {
  const f32 = tensor('x', [4], 0, 0);
  test.each([
    ['begins otherwise', text4('GGML0000000000000000000000000000'), "does not begin with 'GGUF'"],
    ['is too short', text4('GGUF'), 'it ends within its header'],
    ['is of version 1', file([], [], 0, 1), 'it has version 1; only little-endian files of versions 2 and 3'],
    ['is big-endian', file([], [], 0, 0x03000000), 'its numbers are big-endian'],
    [
      'has more tensors than bytes',
      join8(text4('GGUF'), u32(3), u64(2n ** 63n), u64(0)),
      'more than its 24 bytes can hold',
    ],
    ['has a long list', file([entry('a', 9, join8(u32(6), u64(2n ** 40n)))]), 'values in a list, more than its'],
    ['has a list of lists', file([entry('a', 9, join8(u32(9), u64(0)))]), 'the metadata "a" is a list of lists'],
    ['has an unknown type', file([entry('a', 13)]), 'has a value of the unknown type 13'],
    ['has a strange flag', file([entry('a', 7, Uint8Array.of(2))]), 'is 2 instead of true or false'],
    ['has a key twice', file([entry('a', 7, Uint8Array.of(0)), entry('a', 7, Uint8Array.of(0))]), '"a" is there twice'],
    ['is a part of several', file([entry('split.count', 2, Uint8Array.of(3, 0))]), 'it is one of 3 parts of a model'],
    [
      'has a strange alignment',
      file([entry('general.alignment', 4, u32(0))]),
      'general.alignment is not a whole number',
    ],
    [
      'is of Q5_K',
      file([], [tensor('x', [256], 13, 0)]),
      'tensor "x" has the type Q5_K, which is not read here; give a file of',
    ],
    ['is of an unknown type', file([], [tensor('x', [256], 99, 0)]), 'has the type number 99'],
    ['has half a block', file([], [tensor('x', [48], 2, 0)], 64), 'has rows of 48, not whole Q4_0 blocks of 32'],
    ['has no axes', file([], [tensor('x', [], 0, 0)]), 'has 0 axes instead of 1 to 4'],
    ['has an empty axis', file([], [tensor('x', [0], 0, 0)]), 'has an axis of 0'],
    ['is too large', file([], [tensor('x', [2 ** 30, 2 ** 30], 0, 0)]), 'has an axis of 1073741824'],
    ['ends early', file([], [f32], 15), 'tensor "x" ends at byte'],
    ['has a tensor twice', file([], [f32, tensor('x', [4], 0, 32)], 48), 'tensor "x" is there twice'],
    ['has tensors over each other', file([], [f32, tensor('y', [4], 0, 0)], 48), 'overlaps the one before it'],
    ['is not aligned', file([], [tensor('x', [4], 0, 4)], 48), 'begins at byte 4, which is not aligned'],
    ['is a pointer of Git LFS', text4('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n'), 'LFS'],
  ])('%s', async (_, bytes, message) => {
    const error = await openGguf(bytes, { name: 'f.gguf' }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GgufError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).toMatch(/^f\.gguf: [^\n]+\.$/);
  });

  test('is not there', async () => {
    await expect(openGguf('/nowhere/x.gguf')).rejects.toThrow('/nowhere/x.gguf: it cannot be opened: there is no such');
  });
});

describe('as a Hugging Face folder', () => {
  const model = join(folder, 'language', 'model.gguf');

  test('the configuration', async () => {
    expect(await readConfigJson(model)).toMatchObject({
      ...{ model_type: 'llama', vocab_size: 300, hidden_size: 64, intermediate_size: 96, num_hidden_layers: 2 },
      ...{ num_attention_heads: 4, num_key_value_heads: 2, head_dim: 16, max_position_embeddings: 64 },
      ...{
        tie_word_embeddings: false,
        attention_bias: false,
        rope_parameters: { rope_type: 'default', rope_theta: 10000 },
      },
      ...{ bos_token_id: 2, eos_token_id: [2], pad_token_id: 1 },
    });
    expect(await readGenerationJson(model)).toEqual({ bos_token_id: 2, eos_token_id: [2], pad_token_id: 1 });
  });

  test('weights keep their types, and rows of queries and keys are in the order of halves', async () => {
    const [source, weights] = [await openGguf(model), await openWeights(model)];
    expect(
      [...weights.names.keys()].filter(
        (name) => !/^model\.(layers\.\d+\.(self_attn|mlp|\w+_layernorm)|embed|norm)|lm_head/.test(name),
      ),
    ).toEqual([]);
    const name = 'model.layers.0.self_attn.q_proj.weight';
    const paired = (await source.read('blk.0.attn_q.weight')).slice();
    const halves = await weights.read(name);
    const row = (values: Float32Array, i: number): number[] => [...values.subarray(64 * i, 64 * (i + 1))];
    for (let head = 0; head < 4; head++) {
      for (let i = 0; i < 8; i++) {
        expect(row(halves, 16 * head + i)).toEqual(row(paired, 16 * head + 2 * i));
        expect(row(halves, 16 * head + 8 + i)).toEqual(row(paired, 16 * head + 2 * i + 1));
      }
    }
    const packed = await weights.quantized?.(name);
    expect([...dequantize(packed as never)]).toEqual([...halves]);
    await weights.close();
    await source.close();
  });

  const meta = (architecture: string, ...entries: readonly Uint8Array[]): Uint8Array =>
    file([entry('general.architecture', 8, string(architecture)), ...entries]);
  test.each([
    ['bert', [], 'it has the architecture "bert", which is not read here'],
    [
      'llama',
      [entry('llama.attention.head_count_kv', 9, join8(u32(4), u64(2), u32(1), u32(2)))],
      'head_count_kv differs from layer',
    ],
    ['llama', [entry('llama.rope.scaling.type', 8, string('longrope'))], 'the scaling "longrope"'],
  ])('%s is refused', async (architecture, entries, message) => {
    const out = await mkdtemp(join(tmpdir(), 'gguf-'));
    const path = join(out, 'x.gguf');
    await writeFile(path, meta(architecture, ...entries));
    await expect(readConfigJson(path)).rejects.toThrow(message);
    await rm(out, { recursive: true });
  });

  test.each([
    [[], { rope_type: 'default', rope_theta: 10000 }],
    [
      [
        entry('llama.rope.scaling.type', 8, string('linear')),
        entry('llama.rope.scaling.factor', 6, new Uint8Array(Float32Array.of(4).buffer)),
      ],
      { rope_type: 'linear', rope_theta: 10000, factor: 4 },
    ],
    [
      [
        entry('llama.rope.scaling.type', 8, string('yarn')),
        entry('llama.rope.scaling.factor', 6, new Uint8Array(Float32Array.of(2).buffer)),
        entry('llama.rope.scaling.original_context_length', 4, u32(64)),
      ],
      { rope_type: 'yarn', rope_theta: 10000, factor: 2, original_max_position_embeddings: 64 },
    ],
  ])('rotary positions %#', async (entries, expected) => {
    const out = await mkdtemp(join(tmpdir(), 'gguf-'));
    const path = join(out, 'x.gguf');
    await writeFile(path, meta('llama', ...entries));
    expect((await readConfigJson(path)).rope_parameters).toEqual(expected);
    await rm(out, { recursive: true });
  });
});
