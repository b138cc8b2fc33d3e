/** Upper bounds of durations, in seconds. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
/** Upper bounds of numbers of requests in a batch. */
const BATCHES = [1, 2, 4, 8, 16, 32];

/** A request that has been answered, or whose client is gone: what `--json` prints. */
export interface RequestRecord {
  /** When the request came, as ISO 8601. */
  readonly time: string;
  readonly method: string;
  readonly path: string;
  /** The status of the answer; 499 where the client closed the connection before its end. */
  readonly status: number;
  /** Seconds from the headers of the request to the end of the answer. */
  readonly seconds: number;
  /** Seconds of them until the model began. */
  readonly waited?: number;
  /** The number of requests that were computed with it, itself included. */
  readonly batch?: number;
  /** The number of new tokens. */
  readonly tokens?: number;
  /** What was wrong. */
  readonly error?: string;
}

/** What is read when the metrics are asked for. */
export interface Gauges {
  readonly waiting: number;
  readonly running: number;
  readonly bytesInFlight: number;
  readonly connections: number;
}

/** Counts requests, and writes what Prometheus reads. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #seconds = new Map<string, Histogram>();
  readonly #waited = new Histogram(SECONDS);
  readonly #batches = new Histogram(BATCHES);
  #tokens = 0;
  #computing = 0;

  /** Counts a request. @param route its pattern, so that there are few of them */
  request(route: string, { status, seconds, waited, tokens = 0 }: RequestRecord): void {
    const labels = `route="${route}",status="${status}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    const histogram = this.#seconds.get(route) ?? new Histogram(SECONDS);
    this.#seconds.set(route, histogram);
    histogram.add(seconds);
    if (waited !== undefined) this.#waited.add(waited);
    this.#tokens += tokens;
  }

  /** Counts a batch of the model. */
  batch(tasks: number, seconds: number): void {
    this.#batches.add(tasks);
    this.#computing += seconds;
  }

  /** The metrics in Prometheus' text format, version 0.0.4. */
  text({ waiting, running, bytesInFlight, connections }: Gauges): string {
    const { rss, heapUsed } = process.memoryUsage();
    const lines = [
      ...head('blip2_requests_total', 'counter', 'Requests by route and status.'),
      ...[...this.#requests].map(([labels, count]) => `blip2_requests_total{${labels}} ${count}`),
      ...head('blip2_request_seconds', 'histogram', 'Seconds from the headers of a request to the end of its answer.'),
      ...[...this.#seconds].flatMap(([route, one]) => one.lines('blip2_request_seconds', `route="${route}"`)),
      ...head('blip2_waited_seconds', 'histogram', 'Seconds that requests waited for the model.'),
      ...this.#waited.lines('blip2_waited_seconds'),
      ...head('blip2_batch_requests', 'histogram', 'Requests that were computed as one batch.'),
      ...this.#batches.lines('blip2_batch_requests'),
      ...one('blip2_tokens_total', 'counter', 'New tokens.', this.#tokens),
      ...one('blip2_computing_seconds_total', 'counter', 'Seconds that the model computed.', this.#computing),
      ...one('blip2_queue_waiting', 'gauge', 'Requests that wait for the model.', waiting),
      ...one('blip2_queue_running', 'gauge', 'Requests that are computed now.', running),
      ...one('blip2_bytes_in_flight', 'gauge', 'Bytes of bodies that are received or waiting.', bytesInFlight),
      ...one('blip2_connections', 'gauge', 'Open connections.', connections),
      ...one('process_resident_memory_bytes', 'gauge', 'Resident memory.', rss),
      ...one('nodejs_heap_used_bytes', 'gauge', "Used heap of the server's thread.", heapUsed),
    ];
    return `${lines.join('\n')}\n`;
  }
}

const head = (name: string, type: string, help: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];
const one = (name: string, type: string, help: string, value: number): string[] => [
  ...head(name, type, help),
  `${name} ${value}`,
];

/** Counts values by upper bounds. */
class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  add(value: number): void {
    this.#sum += value;
    this.#count++;
    for (const [i, bound] of this.#bounds.entries()) if (value <= bound) this.#counts[i]!++;
  }

  lines(name: string, labels = ''): string[] {
    const bucket = (bound: number | string, count: number): string =>
      `${name}_bucket{${labels}${labels && ','}le="${bound}"} ${count}`;
    const braces = labels && `{${labels}}`;
    return [
      ...this.#bounds.map((bound, i) => bucket(bound, this.#counts[i]!)),
      bucket('+Inf', this.#count),
      `${name}_sum${braces} ${this.#sum}`,
      `${name}_count${braces} ${this.#count}`,
    ];
  }
}
