/** A generator of uniform random numbers in [0, 1). */
export type Rng = () => number;

/** Derives an independent seed from a seed and a name: the 32-bit FNV-1a hash of the text, mixed with the seed. */
export function hash(seed: number, text: string): number {
  let h = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

/** Mixes the bits of a 32-bit integer, by the finalizer of MurmurHash3. */
export function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Creates a seeded generator of uniform random numbers, the same on every machine: a Weyl sequence through `mix`, of period 2^32. */
export function rng(seed: number): Rng {
  let state = mix(seed);
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix(state) / 4294967296;
  };
}

/** Draws a standard normal number from two uniform ones (Box-Muller). */
export function gaussian(random: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
