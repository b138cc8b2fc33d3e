import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Where the peers lie, outside the workspace's own dependencies. */
export const peersFolder = new URL('../peers/', import.meta.url);

/** The interpreter of the peers' own virtual environment. */
export const python = fileURLToPath(new URL('python/bin/python', peersFolder));

const packageOf = (folder: string, name: string): string =>
  fileURLToPath(new URL(`${folder}node_modules/${name}`, peersFolder));

/** What must be there before a peer can be started. */
export const peerFiles = {
  'onnxruntime-node': packageOf('', 'onnxruntime-node/package.json'),
  'onnxruntime-web': packageOf('', 'onnxruntime-web/package.json'),
  'jax-js': packageOf('', '@jax-js/jax/package.json'),
  'llama.cpp': packageOf('', 'node-llama-cpp/package.json'),
  'tfjs-node': packageOf('tfjs-node/', '@tensorflow/tfjs-node/lib'),
  pytorch: python,
} as const;
export type Peer = keyof typeof peerFiles;

/** The peer that a contender needs, if any. */
export const peerOf = (contender: string): Peer | undefined =>
  (Object.keys(peerFiles) as Peer[]).find((peer) => contender === peer || contender.startsWith(`${peer}-`));

/** What needs no peer is always there. */
export const isInstalled = (peer: Peer | undefined): boolean => !peer || existsSync(peerFiles[peer]);

/** A peer's package as CommonJS sees it; jest and tsx leave it alone. */
export const requirePeer = <T>(name: string, folder = ''): T =>
  createRequire(new URL(`${folder}package.json`, peersFolder))(name) as T;

interface Step {
  readonly what: string;
  readonly folder: string;
  readonly command: string;
  readonly args: readonly string[];
}

const npm = ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];

/** Each stands alone: the others go on when one fails. No address is named: npm and pip ask whom their user has set. */
const steps: readonly Step[] = [
  // The scripts of onnxruntime-node and node-llama-cpp would fetch CUDA, or build; what computes on CPUs is in their packages.
  {
    what: 'onnxruntime-node, onnxruntime-web, jax-js, node-llama-cpp',
    folder: '',
    command: 'npm',
    args: [...npm, '--ignore-scripts'],
  },
  { what: 'tfjs-node', folder: 'tfjs-node/', command: 'npm', args: npm },
  {
    what: 'the virtual environment of pytorch',
    folder: '',
    command: 'python3',
    args: ['-m', 'venv', 'python'],
  },
  // On Linux pip brings CUDA along, without which torch cannot be imported: about 2 GB to load, 5 GB on the disk.
  {
    what: 'pytorch, numpy',
    folder: '',
    command: python,
    args: ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '--no-compile', '-r', 'requirements.txt'],
  },
];

/**
 * Installs all peers that can be had.
 * @returns those that could not be had
 */
export async function installPeers(): Promise<string[]> {
  const failed: string[] = [];
  for (const step of steps) {
    process.stdout.write(`${step.what} ...\n`);
    const [code, output] = await runStep(step);
    if (code === 0) continue;
    failed.push(step.what);
    process.stdout.write(`  could not be installed and is left out: ${lastWords(output)}\n`);
  }
  return failed;
}

function runStep({ folder, command, args }: Step): Promise<[code: number, output: string]> {
  const child = spawn(command, args, {
    cwd: fileURLToPath(new URL(folder, peersFolder)),
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve([1, error.message]));
    child.on('close', (code) => resolve([code ?? 1, output]));
  });
}

/** The line that says most of a failure: the first that names an error, or else the last. */
export function lastWords(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.find((line) => /\bE[A-Z]{4,}\b|\bERROR\b|\berror:/.test(line));
  return (telling ?? lines.at(-1) ?? 'no output').replace(/^npm (error|ERR!) /, '').slice(0, 300);
}
