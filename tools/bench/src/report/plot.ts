import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { labelOf } from '../contender.js';
import type { Result } from '../result.js';

/**
 * The speed of each contender in each case of a suite, as an SVG file: this backend with two threads is 1. Speeds differ by
 * orders of magnitude, so that the axis is logarithmic.
 * @returns undefined where there is nothing to compare with
 */
export function plot(cases: ReadonlyMap<string, readonly Result[]>): string | undefined {
  const bars = [...cases].flatMap(([name, lines]) => speeds(name, lines));
  if (bars.length === 0) return undefined;
  const { document } = parseHTML('<html><body></body></html>');
  const contenders = [...new Set(bars.map(({ contender }) => contender))];
  const ahead = bars.filter(({ speed }) => speed >= 1);
  const behind = bars.filter(({ speed }) => speed < 1);
  const figure = Plot.plot({
    document,
    width: 900,
    height: 60 + cases.size * (contenders.length * 15 + 26),
    marginLeft: 180,
    marginRight: 60,
    style: { background: 'white', fontSize: '11px', fontFamily: 'sans-serif' },
    x: { type: 'log', label: 'speed, simd with 2 threads = 1 →', grid: true, nice: true, tickFormat: tick },
    y: { label: null, domain: contenders },
    fy: { label: null, axis: null, domain: [...cases.keys()], padding: 0.12 },
    color: { domain: [false, true], range: ['#9aa5b1', '#1f6feb'] },
    marks: [
      Plot.ruleX([1]),
      Plot.dot(bars, { x: 'speed', y: 'contender', fy: 'case', fill: 'own', r: 5 }),
      Plot.link(bars, { x1: 1, x2: 'speed', y: 'contender', fy: 'case', stroke: 'own', strokeWidth: 2 }),
      Plot.text(ahead, { x: 'speed', y: 'contender', fy: 'case', text: 'label', dx: 9, textAnchor: 'start' }),
      Plot.text(behind, { x: 'speed', y: 'contender', fy: 'case', text: 'label', dx: -9, textAnchor: 'end' }),
      Plot.text([...cases.keys()], {
        fy: (name: string) => name,
        text: (name: string) => name,
        frameAnchor: 'top-left',
        dx: -175,
        dy: -18,
        fontWeight: 'bold',
      }),
    ],
  });
  figure.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${figure.outerHTML}\n`;
}

/** Only powers of ten are written out. */
const tick = (x: number): string => (Number.isInteger(Math.log10(x)) ? `${x}` : '');

function speeds(name: string, lines: readonly Result[]) {
  const own = lines.find(({ contender, threads }) => contender === 'simd' && threads === 2);
  if (!own || lines.length < 2) return [];
  return lines.map(({ contender, threads, ms_median }) => {
    const speed = own.ms_median / ms_median;
    return {
      case: name,
      contender: labelOf({ name: contender, threads }),
      own: contender === 'simd',
      speed,
      label: `${Number(speed.toPrecision(2))}`,
    };
  });
}
