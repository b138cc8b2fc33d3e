/** What a step costs on one machine, and what machines exchange. */
export interface Costs {
  /** Seconds that one machine takes for a pair: forward and backward. */
  readonly secondsPerPair: number;
  /** Trained values. */
  readonly parameters: number;
  /** Pairs of a step, of all machines together. */
  readonly batch: number;
  /** Values of an image's features that ITM may need on another machine: N·D. */
  readonly imageValues: number;
  /** Values of a pair's features for ITC: Q·E + E. */
  readonly contrastValues: number;
  /** Floating-point operations of ITC's similarities between two pairs, forward and backward: 3 · 2 · 2 · Q·E. */
  readonly contrastOperations: number;
  /** Operations in a second of one machine. */
  readonly operationsPerSecond: number;
  /** The share of a step in which the backward pass can hide the reduction. */
  readonly backwardShare: number;
  /** The share of the reduction that is hidden where there is time enough, as it was measured. */
  readonly hidden: number;
}

/** A network between machines. */
export interface Network {
  /** Bytes in a second that each machine sends while it receives as many. */
  readonly bandwidth: number;
  /** Seconds of a message. */
  readonly latency: number;
}

/** The seconds of a step, and what they are made of. */
export interface StepCost {
  readonly machines: number;
  /** Of the machine's own pairs. */
  readonly compute: number;
  /** Of ITC among all pairs, which every machine computes. */
  readonly contrast: number;
  /** Of gathering features and images. */
  readonly gather: number;
  /** Of the sums of gradients that are not hidden. */
  readonly reduce: number;
  readonly step: number;
  /** The share of the step in which the machine computes its own pairs. */
  readonly efficiency: number;
  /** Bytes that a machine sends in a step. */
  readonly sent: number;
}

const FLOAT = 4;
const BUCKETS = 8;

/** Estimates a step of stage 1 on machines that sum by rings: 2 (n - 1) / n of the gradients go out of each, and as many in. */
export function stepCost(costs: Costs, { bandwidth, latency }: Network, machines: number): StepCost {
  const { secondsPerPair, parameters, batch, imageValues, contrastValues } = costs;
  const others = (machines - 1) / machines;
  const compute = (secondsPerPair * batch) / machines;
  const contrast = (costs.contrastOperations * batch * batch) / costs.operationsPerSecond;
  const gathered = FLOAT * batch * (imageValues + contrastValues) * others;
  const gather = machines === 1 ? 0 : gathered / bandwidth + 6 * latency * Math.log2(machines);
  const reduced = 2 * FLOAT * parameters * others;
  const whole = machines === 1 ? 0 : reduced / bandwidth + 2 * BUCKETS * latency * Math.log2(machines);
  const hidden = Math.min(costs.hidden * whole, costs.backwardShare * compute);
  const reduce = whole - hidden;
  const step = compute + contrast + gather + reduce;
  return { machines, compute, contrast, gather, reduce, step, efficiency: compute / step, sent: gathered + reduced };
}

/** The bandwidth with which communication that is not hidden takes as long as computing: half the machines' time is lost. */
export function neededBandwidth(costs: Costs, machines: number, latency: number): number {
  let [low, high] = [1e3, 1e15];
  for (let i = 0; i < 100; i++) {
    const bandwidth = Math.sqrt(low * high);
    const { compute, gather, reduce } = stepCost(costs, { bandwidth, latency }, machines);
    if (gather + reduce > compute) low = bandwidth;
    else high = bandwidth;
  }
  return high;
}
