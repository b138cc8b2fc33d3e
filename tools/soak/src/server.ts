import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { encodePng, solidImage } from '@blip2/data';
import autocannon from 'autocannon';

/** Options of `soakServer`. */
export interface ServerSoakOptions {
  /** Clients that send captions at the same time. */
  readonly clients: number;
  /** Seconds of load. */
  readonly seconds: number;
  /** Requests of all kinds over which memory must be flat. */
  readonly requests: number;
  /** Connections, one after the other, that are opened and broken off. */
  readonly connections: number;
  /** Bodies that never end, for half a minute. Default 50. */
  readonly slowBodies?: number;
  /** Bodies of 33 MiB. Default 20. */
  readonly largeBodies?: number;
  /** Called with what is done. */
  readonly onEvent?: (text: string) => void;
}

/** What a load test measured. */
export interface Load {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number };
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Connections that failed, and requests without an answer. */
  readonly errors: number;
  /** Milliseconds until `/health` answered meanwhile. */
  readonly health: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** What `soakServer` found. */
export interface ServerSoakResult {
  readonly batched: Load;
  readonly sequential: Load;
  /** How many times more captions per second with batches. */
  readonly speedup: number;
  /** Resident memory in MB after each twentieth of the requests. */
  readonly memory: readonly number[];
  /** Resident memory in MB before and after hostile requests, and the statuses of those. */
  readonly hostile: {
    readonly before: number;
    readonly after: number;
    readonly statuses: Readonly<Record<string, number>>;
  };
  /** In words, what was not as it should be. */
  readonly problems: readonly string[];
}

const cli = fileURLToPath(new URL('../../../packages/blip2/src/cli/main.ts', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Serves the starter model in a process of its own, and loads it: captions by many clients, with batches and without; requests of all
 * kinds, over which memory must not grow; images that are broken or bombs, slow bodies, and very many connections.
 * @throws where the server does not start
 */
export async function soakServer(options: ServerSoakOptions): Promise<ServerSoakResult> {
  const { clients, seconds, requests, onEvent = () => {} } = options;
  const problems: string[] = [];
  const images = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      encodePng(solidImage(96, 96, [(i * 97) % 256, (i * 31) % 256, (i * 53) % 256])),
    ),
  );
  const urls = images.map((bytes) => `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`);

  let server = await start(['--batch', '1']);
  onEvent('captions one at a time');
  const sequential = await load(server.url, { urls, clients, seconds });
  onEvent(JSON.stringify(sequential));
  await server.stop();
  server = await start([]);
  try {
    onEvent('captions in batches');
    const batched = await load(server.url, { urls, clients, seconds });
    onEvent(JSON.stringify(batched));
    for (const [name, { statuses, errors }] of Object.entries({ sequential, batched })) {
      const others = Object.keys(statuses).filter((status) => status !== '200' && status !== '429');
      if (errors > 0) problems.push(`${name}: ${errors} requests had no answer.`);
      if (others.length > 0) problems.push(`${name}: there were answers of status ${others.join(', ')}.`);
    }
    const speedup = batched.perSecond / sequential.perSecond;

    const memory: number[] = [];
    for (let i = 0; i < 20; i++) {
      await mixed(server.url, urls, Math.ceil(requests / 20));
      memory.push(await resident(server.url));
      onEvent(`${(i + 1) * Math.ceil(requests / 20)} requests: ${memory.at(-1)} MB`);
    }
    // What is resident rises until the collector runs; what is left then would grow if anything were kept.
    const growth = Math.min(...memory.slice(10)) / Math.min(...memory.slice(0, 10)) - 1;
    if (growth > 0.1)
      problems.push(`Memory grew by ${Math.round(100 * growth)} % from one half of the requests to the other.`);

    const before = await resident(server.url);
    onEvent('hostile requests');
    const statuses = await hostile(server, options);
    await sleep(2000);
    const after = await resident(server.url);
    if (after > 1.1 * before) problems.push(`Hostile requests left memory at ${after} MB, where it was ${before} MB.`);
    return { batched, sequential, speedup, memory, hostile: { before, after, statuses }, problems };
  } finally {
    await server.stop();
  }
}

interface Served {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

async function start(flags: readonly string[]): Promise<Served> {
  const node = ['--conditions=@blip2/source', '--import', 'tsx', cli, 'serve', '--port', '0', '--json'];
  const child: ChildProcess = spawn(process.execPath, [...node, ...flags], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  });
  child.stdout!.resume();
  const ended = once(child, 'close');
  for await (const line of createInterface({ input: child.stderr! })) {
    const [, url, port] = /served at (http:\/\/[\d.]+:(\d+));/.exec(line) ?? [];
    if (url === undefined) continue;
    child.stderr!.resume();
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM');
      await ended;
    };
    return { url, port: Number(port), stop };
  }
  throw new Error('The server did not start.');
}

const caption = (url: string, more: object = {}): object => ({
  model: 'blip2-starter',
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
  ...more,
});

/** Captions by many clients at the same time, while `/health` is asked for. */
async function load(
  server: string,
  { urls, clients, seconds }: { readonly urls: readonly string[]; readonly clients: number; readonly seconds: number },
): Promise<Load> {
  const health: number[] = [];
  let running = true;
  const watching = (async () => {
    while (running) {
      const start = performance.now();
      await (await fetch(`${server}/health`)).arrayBuffer();
      health.push(performance.now() - start);
      await sleep(50);
    }
  })();
  const request = { method: 'POST' as const, headers: { 'content-type': 'application/json' } };
  const { requests, latency, errors, timeouts, statusCodeStats } = await autocannon({
    url: `${server}/v1/chat/completions`,
    connections: clients,
    duration: seconds,
    timeout: 120,
    ...request,
    requests: urls.map((url) => ({ ...request, body: JSON.stringify(caption(url)) })),
  });
  running = false;
  await watching;
  const statuses = Object.fromEntries(
    Object.entries(statusCodeStats ?? {}).map(([code, { count }]) => [code, count ?? 0]),
  );
  return {
    perSecond: (statuses['200'] ?? 0) / (requests.sent === 0 ? 1 : seconds),
    latency: { p50: latency.p50, p99: latency.p99 },
    statuses,
    errors: errors + timeouts,
    health: { p50: quantile(health, 0.5), p99: quantile(health, 0.99), max: quantile(health, 1) },
  };
}

/** Requests of every kind, 8 at a time. @throws for a status that is not expected */
async function mixed(server: string, urls: readonly string[], count: number): Promise<void> {
  const kinds: ((url: string, other: string) => readonly [path: string, body: object, status: number])[] = [
    (url) => ['/v1/chat/completions', caption(url, { num_beams: 1 }), 200],
    (url) => ['/v1/chat/completions', caption(url, { stream: true }), 200],
    (url) => ['/v1/chat/completions', caption(url, { temperature: 1, seed: 1, max_tokens: 8 }), 200],
    (url, other) => ['/v1/rerank', { query: 'a red circle', documents: [{ image: url }, { image: other }] }, 200],
    (url) => ['/v1/embeddings', { model: 'blip2-starter', input: [{ image: url }, 'a cat'] }, 200],
    (url) => ['/v1/chat/completions', caption(url.slice(0, 60)), 400],
  ];
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) {
      const i = next++;
      const [path, body, status] = kinds[i % kinds.length]!(urls[i % urls.length]!, urls[(i + 1) % urls.length]!);
      const response = await post(`${server}${path}`, JSON.stringify(body));
      if (response.status !== status)
        throw new Error(`${path} gave status ${response.status}: ${await response.text()}`);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
}

const post = (url: string, body: string): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });

/** Images that are no images, bombs, bodies that are too large or never end, and connections that are broken off. */
async function hostile(
  { url, port }: Served,
  { connections, slowBodies = 50, largeBodies = 20 }: ServerSoakOptions,
): Promise<Record<string, number>> {
  const statuses: Record<string, number> = {};
  const counted = (status: number): void => {
    statuses[status] = (statuses[status] ?? 0) + 1;
  };
  const bomb = await encodePng(solidImage(8000, 8000, [1, 2, 3])); // 192 MB of pixels
  const bytes = [Buffer.from('no image'), Buffer.from(bomb), Buffer.alloc(2 ** 20, 7), Buffer.from('<svg/>')];
  for (let i = 0; i < Math.min(200, connections); i++) {
    const image = `data:image/png;base64,${bytes[i % bytes.length]!.toString('base64')}`;
    const response = await post(`${url}/v1/chat/completions`, JSON.stringify(caption(image)));
    counted(response.status);
    await response.arrayBuffer();
  }
  for (let i = 0; i < largeBodies; i++) {
    const response = await post(`${url}/v1/rerank`, 'x'.repeat(33 * 2 ** 20)).catch(() => undefined);
    if (response) counted(response.status);
  }
  const request = 'GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
  const slow = 'POST /v1/rerank HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{';
  const waiting = Array.from({ length: slowBodies }, () => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write(slow);
    socket.once('data', (data) => counted(Number(String(data).slice(9, 12))));
    return once(socket, 'close');
  });
  for (let done = 0; done < connections; done += 50) {
    const some = Array.from({ length: Math.min(50, connections - done) }, (_, i) => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      socket.once('data', (data) => counted(Number(String(data).slice(9, 12)))).resume();
      socket.write(i % 5 === 0 ? request.slice(0, 20) : request, () => {
        if (i % 5 === 0) socket.destroy();
      });
      return once(socket, 'close');
    });
    await Promise.all(some);
  }
  await Promise.all(waiting);
  return statuses;
}

async function resident(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Math.round(Number(/^process_resident_memory_bytes (\d+)$/m.exec(text)?.[1]) / 1e6);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(10 * (sorted[Math.ceil(share * sorted.length) - 1] ?? 0)) / 10;
}
