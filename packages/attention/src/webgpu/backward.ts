import { blockOfQueries, endInFuture, onlineShares } from './forward.js';
import { accumulate, keys, product, queries, type Shader, store } from './program.js';

/**
 * What the gradient needs of each query, [B,H,Q,3]: its best score, 1 / Σ exp(score - best), and Σ p·dp, where dp = dy·v
 * (Dao et al. 2022, FlashAttention, appendix B.4).
 */
export const statistics: Shader = {
  name: 'attentionStatistics',
  inputs: ['q', 'k', 'v', 'dy'],
  code: `
fn main(index : i32) {
  ${blockOfQueries}
  var top = LOWEST;
  var total = 0.0;
  var mean = 0.0;
  for (var start = 0; start < uniforms.L; start += TILE) {
    ${onlineShares}
    ${product('dp', queries('dy', 'first'), keys('v', 'start'))}
    gradients[row * (TILE + 1) + column] = share * dp;
    workgroupBarrier();
    total *= shrink;
    mean *= shrink;
    for (var j = 0; j < TILE; j++) {
      total += shares[row * (TILE + 1) + j];
      mean += gradients[row * (TILE + 1) + j];
    }
    ${endInFuture}
  }
  if (i < uniforms.Q && column == 0) {
    let at = ((b * uniforms.H + h) * uniforms.Q + i) * 3;
    result[at] = top;
    result[at + 1] = 1.0 / total;
    result[at + 2] = mean / total;
  }
}`,
};

/** The probability, and the gradient with respect to the score, of the query `row` and the key `column`. */
const probability = `
  ${product('qk', queries('q', 'first'), keys('k', 'start'))}
  ${product('dp', queries('dy', 'first'), keys('v', 'start'))}
  let l = start + column;
  let real = i < uniforms.Q && l < uniforms.L;
  let score = scoreOf(qk, b, h, min(i, uniforms.Q - 1), min(l, uniforms.L - 1));
  let probability = select(0.0, exp(score - top) * share, real);
  let gradient = probability * (dp - mean) * uniforms.scale;`;

/** Reads the statistics of the thread's query, and those of its block. */
const readStatistics = `
  let at = ((b * uniforms.H + h) * uniforms.Q + min(i, uniforms.Q - 1)) * 3;
  let top = stats[at];
  let share = stats[at + 1];
  let mean = stats[at + 2];
  if (column == 0) { tops[row] = top; }
  let blind = isBlind();`;

/** dq [B,Q,D] */
export const queryGradient: Shader = {
  name: 'attentionQueryGradient',
  inputs: ['q', 'k', 'v', 'dy', 'stats'],
  code: `
fn main(index : i32) {
  ${blockOfQueries}
  ${readStatistics}
  var dq : array<f32, PARTS>;
  let last = select(min(uniforms.L, uniforms.offset + first + TILE), uniforms.L, blind);
  for (var start = 0; start < last; start += TILE) {
    ${probability}
    gradients[row * (TILE + 1) + column] = gradient;
    ${accumulate('dq', 'gradients[row * (TILE + 1) + j]', keys('k', 'start'))}
  }
  if (i < uniforms.Q) {
    ${store('dq', queries('', 'i').base)}
  }
}`,
};

/**
 * dk [I,C,D], and dv after it. A workgroup has a block of keys to itself and goes through all queries that attend to it, in their order:
 * nothing is added by two threads, and sums have one order.
 */
export const keyGradient: Shader = {
  name: 'attentionKeyGradient',
  inputs: ['q', 'k', 'v', 'dy', 'stats'],
  code: `
fn main(index : i32) {
  let work = groupOf(index);
  if (work >= uniforms.groups) { return; }
  let blocks = (uniforms.C + TILE - 1) / TILE;
  let start = (work % blocks) * TILE;
  let g = (work / blocks) % uniforms.G;
  let image = work / (blocks * uniforms.G);
  let each = uniforms.H / uniforms.G; // heads of queries that share these keys
  let blocksOfQueries = (uniforms.Q + TILE - 1) / TILE;
  let local = i32(localIndex);
  let row = local / TILE;
  let column = local % TILE;
  var dk : array<f32, PARTS>;
  var dv : array<f32, PARTS>;
  let batch = select(0, uniforms.B, start < uniforms.L);
  for (var b = 0; b < batch; b++) {
    if (imageOf(b) != image) { continue; }
    for (var n = 0; n < each * blocksOfQueries; n++) {
      let h = g * each + n / blocksOfQueries;
      let first = (n % blocksOfQueries) * TILE;
      let i = first + row;
      ${readStatistics}
      if (!blind && start > uniforms.offset + first + TILE - 1) { continue; }
      ${probability}
      shares[row * (TILE + 1) + column] = probability;
      gradients[row * (TILE + 1) + column] = gradient;
      ${accumulate('dk', 'gradients[j * (TILE + 1) + row]', queries('q', 'first'))}
      ${accumulate('dv', 'shares[j * (TILE + 1) + row]', queries('dy', 'first'))}
    }
  }
  if (start + row < uniforms.C) {
    let to = ((image * uniforms.C + start + row) * uniforms.G + g) * uniforms.K;
    ${store('dk', 'to')}
    ${store('dv', 'uniforms.I * uniforms.C * uniforms.G * uniforms.K + to')}
  }
}`,
};
