// As much of Protocol Buffers' wire format as an ONNX file needs: https://protobuf.dev/programming-guides/encoding

/** A number as seven bits a byte, the least first. Negative ones are not needed here. */
export function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`A varint is a whole number from 0, not ${value}.`);
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

/** A field that holds a whole number. */
export const int = (field: number, value: number): Uint8Array => join([varint(field * 8), varint(value)]);

/** A field that holds a 32-bit float. */
export function float(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return join([varint(field * 8 + 5), bytes]);
}

/** A field that holds bytes: a message, a text, or values as they lie in memory. */
export function bytes(field: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  return join([varint(field * 8 + 2), varint(size), ...parts]);
}

export const text = (field: number, value: string): Uint8Array => bytes(field, new TextEncoder().encode(value));

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
