import type { QuantizedFormat } from '@blip2/tensor';

/**
 * Reads packed bytes of `words`, array<i32>, at any place. Half precision is converted by whole numbers, as `unpack2x16float` may
 * take subnormal numbers, of which scales of blocks can be, for zero.
 */
const reading = `
  fn word(i : i32) -> u32 { return bitcast<u32>(words[i]); }
  fn byteAt(at : i32) -> u32 { return (word(at >> 2u) >> (u32(at & 3) * 8u)) & 255u; }
  fn halfAt(at : i32) -> u32 { return (word(at >> 2u) >> (u32(at & 2) * 8u)) & 0xffffu; }
  fn fourBytesAt(at : i32) -> u32 {
    let shift = u32(at & 3) * 8u;
    let low = word(at >> 2u);
    if (shift == 0u) { return low; }
    return (low >> shift) | (word((at >> 2u) + 1) << (32u - shift));
  }
  fn bytesOf(four : u32) -> vec4<u32> { return (vec4<u32>(four) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u); }
  fn signed(bytes : vec4<u32>) -> vec4<f32> { return vec4<f32>(bitcast<vec4<i32>>(bytes << vec4<u32>(24u)) >> vec4<u32>(24u)); }
  fn half(bits : u32) -> f32 {
    let exponent = (bits >> 10u) & 31u;
    let rest = bits & 1023u;
    let normal = bitcast<f32>(((exponent + select(112u, 224u, exponent == 31u)) << 23u) | (rest << 13u));
    let magnitude = select(normal, f32(rest) * 5.9604644775390625e-8, exponent == 0u);
    return select(magnitude, -magnitude, bits >= 0x8000u);
  }`;

/** Four values of half precision beside each other, by what converts one. */
const halves = (value: string): string => `
  fn unpack(row : i32, k : i32) -> vec4<f32> {
    var v : vec4<f32>;
    for (var i = 0; i < 4; i++) {
      let bits = halfAt(2 * (row * uniforms.K + k + i));
      v[i] = ${value};
    }
    return v;
  }`;

/** Where the block of (row, k) begins, and the place of k within it. */
const place = ({ values, bytes }: { values: number; bytes: number }): string => `
    let at = (row * (uniforms.K / ${values}) + k / ${values}) * ${bytes};
    let i = k % ${values};`;

const q8_0 = `
  fn unpack(row : i32, k : i32) -> vec4<f32> {${place({ values: 32, bytes: 34 })}
    return half(halfAt(at)) * signed(bytesOf(fourBytesAt(at + 2 + i)));
  }`;

/** Four of the 4-bit numbers of a block of 32, whose bytes begin at `from`: byte j has the numbers j and 16 + j. */
const nibbles = (from: string): string =>
  `vec4<f32>((bytesOf(fourBytesAt(${from} + (i & 15))) >> vec4<u32>(select(0u, 4u, i >= 16))) & vec4<u32>(15u))`;

const q4_0 = `
  fn unpack(row : i32, k : i32) -> vec4<f32> {${place({ values: 32, bytes: 18 })}
    return half(halfAt(at)) * (${nibbles('at + 2')} - vec4<f32>(8.0));
  }`;

const q4_1 = `
  fn unpack(row : i32, k : i32) -> vec4<f32> {${place({ values: 32, bytes: 20 })}
    return half(halfAt(at)) * ${nibbles('at + 4')} + vec4<f32>(half(halfAt(at + 2)));
  }`;

/** `d·scale·q - m·minimum` with 8 parts of 32; the upper bits of the last four scales and minima lie in the first four. */
const q4_k = `
  fn unpack(row : i32, k : i32) -> vec4<f32> {${place({ values: 256, bytes: 144 })}
    let part = i >> 5u;
    let low = byteAt(at + 4 + part);
    let middle = byteAt(at + 8 + part);
    var scale = low & 63u;
    var minimum = middle & 63u;
    if (part >= 4) {
      scale = (middle & 15u) | ((byteAt(at + part) >> 6u) << 4u);
      minimum = (middle >> 4u) | ((low >> 6u) << 4u);
    }
    let q = (bytesOf(fourBytesAt(at + 16 + 32 * (part >> 1u) + (i & 31))) >> vec4<u32>(u32(part & 1) * 4u)) & vec4<u32>(15u);
    return half(halfAt(at)) * f32(scale) * vec4<f32>(q) - vec4<f32>(half(halfAt(at + 2)) * f32(minimum));
  }`;

/** `d·scale·(q - 32)` with 16 parts of 16; 4 bits lie in the first 128 bytes, 2 bits in the next 64, scales after them. */
const q6_k = `
  fn unpack(row : i32, k : i32) -> vec4<f32> {${place({ values: 256, bytes: 210 })}
    let side = i >> 7u;
    let quarter = (i >> 5u) & 3;
    let l = i & 31;
    let low = (bytesOf(fourBytesAt(at + 64 * side + 32 * (quarter & 1) + l)) >> vec4<u32>(u32(quarter >> 1u) * 4u)) & vec4<u32>(15u);
    let high = (bytesOf(fourBytesAt(at + 128 + 32 * side + l)) >> vec4<u32>(u32(quarter) * 2u)) & vec4<u32>(3u);
    let scale = signed(vec4<u32>(byteAt(at + 192 + (i >> 4u)))).x;
    return half(halfAt(at + 208)) * scale * (vec4<f32>(low | (high << vec4<u32>(4u))) - vec4<f32>(32.0));
  }`;

/** The factor of a row, of `I8` alone. */
const i8 = `
  fn unpack(row : i32, k : i32) -> vec4<f32> {
    return scales[row] * signed(bytesOf(fourBytesAt(row * uniforms.K + k)));
  }`;

/**
 * For each format WGSL of `fn unpack(row : i32, k : i32) -> vec4<f32>`: the values k to k + 3 of a row of the matrix in `words`, and
 * `scales` for `I8`, with rows of `uniforms.K` values; k is a multiple of 4. The layouts are those of `dequantize` of @blip2/tensor.
 */
export const unpacking: { readonly [F in QuantizedFormat]: string } = {
  F16: reading + halves('half(bits)'),
  BF16: reading + halves('bitcast<f32>(bits << 16u)'),
  I8: reading + i8,
  Q8_0: reading + q8_0,
  Q4_0: reading + q4_0,
  Q4_1: reading + q4_1,
  Q4_K: reading + q4_k,
  Q6_K: reading + q6_k,
};
