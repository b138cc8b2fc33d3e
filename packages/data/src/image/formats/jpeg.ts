const SOF_SEQUENTIAL: readonly number[] = [0xc0, 0xc1, 0xc9];
const SOS = 0xda;
const EOI = 0xd9;
/** Bytes of the header of a scan of one component. */
const SHORTEST_SCAN = 8;
/** Markers without a length: TEM, RST0 to RST7, SOI and EOI. */
const isBare = (marker: number): boolean => marker === 1 || (marker >= 0xd0 && marker <= EOI);

/** Returns whether bytes begin as a JPEG file does. */
export const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

/**
 * Repairs what decoders tolerate in the headers of a JPEG file: stray bytes between marker segments are removed, and the
 * spectral selection of sequential scans, which has only one value, is set to it. Compressed data stays as it is.
 * @returns the same bytes where nothing is wrong
 */
export function repairJpeg(bytes: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [bytes.subarray(0, 2)];
  let sequential = false;
  let repaired = false;
  let at = 2;
  while (at < bytes.length) {
    const start = bytes.indexOf(0xff, at);
    let code = start < 0 ? bytes.length : start;
    if (code > at) repaired = true;
    while (bytes[code] === 0xff) code++;
    const marker = bytes[code];
    if (marker === undefined) break;
    if (marker === 0) {
      repaired = true; // a stray byte 0xFF, which compressed data would have escaped
      at = code + 1;
      continue;
    }
    const length = isBare(marker) ? 0 : (bytes[code + 1] ?? 0) * 256 + (bytes[code + 2] ?? 0);
    const end = marker === EOI ? bytes.length : marker === SOS ? scanEnd(bytes, code + 1 + length) : code + 1 + length;
    let segment = bytes.subarray(start, end);
    if (SOF_SEQUENTIAL.includes(marker)) sequential = true;
    if (marker === SOS && sequential && length >= SHORTEST_SCAN) {
      const spectral = code + 1 + length - 3 - start;
      const wrong = segment[spectral] !== 0 || segment[spectral + 1] !== 63 || segment[spectral + 2] !== 0;
      if (wrong && spectral + 2 < segment.length) {
        segment = segment.slice();
        segment.set([0, 63, 0], spectral);
        repaired = true;
      }
    }
    kept.push(segment);
    at = end;
  }
  return repaired ? joined(kept) : bytes;
}

/** Returns the position of the marker that ends compressed data. */
function scanEnd(bytes: Uint8Array, start: number): number {
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1];
    if (next !== undefined && next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  return bytes.length;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
