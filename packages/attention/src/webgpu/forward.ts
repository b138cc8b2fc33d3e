import { accumulate, keys, product, queries, type Shader, store } from './program.js';

/** What begins a shader that has a workgroup for each block of queries of each head. */
export const blockOfQueries = `
  let work = groupOf(index);
  if (work >= uniforms.groups) { return; }
  let blocks = (uniforms.Q + TILE - 1) / TILE;
  let first = (work % blocks) * TILE;
  let h = (work / blocks) % uniforms.H;
  let b = work / (blocks * uniforms.H);
  let g = h / (uniforms.H / uniforms.G);
  let image = imageOf(b);
  let local = i32(localIndex);
  let row = local / TILE;
  let column = local % TILE;
  let i = first + row;`;

/**
 * The weights of a tile of keys in an online softmax (Milakov and Gimelshein 2018): what was summed of earlier tiles must be
 * multiplied by `shrink`, for `top` may have grown.
 */
export const onlineShares = `
  ${product('qk', queries('q', 'first'), keys('k', 'start'))}
  let l = start + column;
  let real = i < uniforms.Q && l < uniforms.L;
  let score = select(LOWEST, scoreOf(qk, b, h, min(i, uniforms.Q - 1), min(l, uniforms.L - 1)), real);
  shares[row * (TILE + 1) + column] = score;
  workgroupBarrier();
  var best = top;
  for (var j = 0; j < TILE; j++) { best = max(best, shares[row * (TILE + 1) + j]); }
  let share = select(0.0, exp(score - best), real);
  let shrink = exp(top - best);
  top = best;
  workgroupBarrier();
  shares[row * (TILE + 1) + column] = share;`;

/** Ends the loop over keys where all others are in the future of every query, and have no weight. */
export const endInFuture = `
  if (start + TILE > uniforms.offset + first + TILE - 1) {
    if (column == 0) { tops[row] = select(0.0, top, i < uniforms.Q); }
    if (!isBlind()) { break; }
  }`;

/** y [B,Q,D] */
export const forward: Shader = {
  name: 'attention',
  inputs: ['q', 'k', 'v'],
  code: `
fn main(index : i32) {
  ${blockOfQueries}
  var y : array<f32, PARTS>;
  var top = LOWEST;
  var total = 0.0;
  for (var start = 0; start < uniforms.L; start += TILE) {
    ${onlineShares}
    workgroupBarrier();
    total *= shrink;
    for (var j = 0; j < TILE; j++) { total += shares[row * (TILE + 1) + j]; }
    for (var part = 0; part < PARTS; part++) { y[part] *= shrink; }
    ${accumulate('y', 'shares[row * (TILE + 1) + j]', keys('v', 'start'))}
    ${endInFuture}
  }
  if (i < uniforms.Q) {
    for (var part = 0; part < PARTS; part++) { y[part] /= total; }
    ${store('y', queries('', 'i').base)}
  }
}`,
};
