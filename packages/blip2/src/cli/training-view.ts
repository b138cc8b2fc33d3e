import type { Reporter } from '@blip2/runs';

/** A step as a run reports it. */
export type ReportedStep = Parameters<Reporter['step']>[1];

/** The number of recent steps whose time gives the reported rate. */
const RECENT = 20;
/** Characters of the curve. */
const CURVE = 32;

/** What is shown of a stage while it is trained: losses and their course, learning rate, and images per second. */
export class TrainingView {
  #stage = 0;
  #last: ReportedStep | undefined;
  readonly #totals: number[] = [];
  readonly #recent: Pick<ReportedStep, 'images' | 'seconds'>[] = [];

  /** Takes a step; the first of another stage begins anew. */
  add(stage: 1 | 2, step: ReportedStep): void {
    if (stage !== this.#stage) {
      this.#totals.length = 0;
      this.#recent.length = 0;
    }
    this.#stage = stage;
    this.#last = step;
    this.#totals.push(step.losses.total ?? Number.NaN);
    this.#recent.push({ images: step.images, seconds: step.seconds });
    if (this.#recent.length > RECENT) this.#recent.shift();
  }

  /** One line, for a log. */
  get detail(): string {
    return this.#last ? `${this.#losses()}, ${this.#rates()}` : '';
  }

  /** Lines for a terminal. */
  get lines(): string[] {
    if (!this.#last) return [];
    return [
      `${this.#losses()}  ${curve(this.#totals)}`,
      `${this.#rates()}, gradient norm ${short(this.#last.gradNorm)}`,
    ];
  }

  #losses(): string {
    const losses = Object.entries(this.#last?.losses ?? {});
    return losses.map(([name, value]) => `${name} ${value?.toFixed(3)}`).join(' ');
  }

  #rates(): string {
    const seconds = this.#recent.reduce((sum, one) => sum + one.seconds, 0);
    const images = this.#recent.reduce((sum, one) => sum + one.images, 0);
    return `rate ${short(this.#last?.lr ?? 0)}, ${short(images / seconds)} images/s`;
  }
}

const short = (value: number): string => String(Number(value.toPrecision(2)));

const BARS = '▁▂▃▄▅▆▇█';

/** Draws values as bars from the lowest to the highest, each the mean of as many as there is no room for. */
function curve(values: readonly number[]): string {
  const columns = Math.min(CURVE, values.length);
  const means = Array.from({ length: columns }, (_, i) => {
    const [from, to] = [i, i + 1].map((at) => Math.floor((at * values.length) / columns));
    const some = values.slice(from, to).filter(Number.isFinite);
    return some.reduce((sum, value) => sum + value, 0) / some.length;
  });
  const finite = means.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const bar = (value: number): string =>
    Number.isFinite(value) ? BARS[Math.round(((value - low) / (high - low || 1)) * (BARS.length - 1))]! : ' ';
  return means.map(bar).join('');
}
