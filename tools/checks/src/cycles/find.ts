import type { Graph } from './graph.js';

/** Cycles of a graph, each as the shortest path from a file back to itself; no file is in two of them. */
export function findCycles(graph: Graph): string[][] {
  const reported = new Set<string>();
  const cycles: string[][] = [];
  for (const file of graph.keys()) {
    if (reported.has(file)) continue;
    const cycle = shortestCycle(graph, file);
    if (!cycle || cycle.some((one) => reported.has(one))) continue;
    cycles.push(cycle);
    for (const one of cycle) reported.add(one);
  }
  return cycles;
}

/** The shortest way from a file back to itself, with the file at both ends. */
function shortestCycle(graph: Graph, start: string): string[] | undefined {
  const before = new Map<string, string>();
  const queue = [start];
  for (const file of queue) {
    for (const next of graph.get(file) ?? []) {
      if (next === start) return [...wayTo(file, before), start];
      if (before.has(next)) continue;
      before.set(next, file);
      queue.push(next);
    }
  }
  return undefined;
}

function wayTo(file: string, before: ReadonlyMap<string, string>): string[] {
  const way = [file];
  for (let at = before.get(file); at !== undefined; at = before.get(at)) way.unshift(at);
  return way;
}
