import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Launcher } from './launch.js';

/** Two hosts in network namespaces of this computer, each with an address, a name and a cable between them. */
export interface Hosts {
  /** Open MPI's launcher on the first, with a process on each. */
  readonly launcher: Launcher;
  /** Unplugs the cable, or plugs it in again. */
  cable(plugged: boolean): void;
  close(): void;
}

const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' });

/**
 * Makes two hosts (Linux, as root). A process gets to the second by `ip netns exec` where a cluster has ssh.
 * @throws where namespaces cannot be made
 */
export function makeHosts(openMpi: Launcher): Hosts {
  const [first, second] = [`blip2-a-${process.pid}`, `blip2-b-${process.pid}`];
  const folder = mkdtempSync(join(tmpdir(), 'blip2-hosts-'));
  const close = (): void => {
    for (const name of [first, second]) {
      try {
        ip('netns', 'del', name);
      } catch {
        // it was not made
      }
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const name of [first, second]) ip('netns', 'add', name);
    ip('-n', first, 'link', 'add', 'eth-a', 'type', 'veth', 'peer', 'name', 'eth-b', 'netns', second);
    ip('-n', first, 'addr', 'add', '10.99.0.1/24', 'dev', 'eth-a');
    ip('-n', second, 'addr', 'add', '10.99.0.2/24', 'dev', 'eth-b');
    for (const [name, device] of [
      [first, 'eth-a'],
      [second, 'eth-b'],
    ] as const) {
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'link', 'set', device, 'up');
    }
    const agent = join(folder, 'agent');
    writeFileSync(agent, `#!/bin/sh\nshift\nexec ip netns exec ${second} unshare --uts sh -c "hostname blip2-b; $*"\n`);
    chmodSync(agent, 0o755);
    const named = ['netns', 'exec', first, 'unshare', '--uts', 'sh', '-c', 'hostname blip2-a; exec "$@"', 'sh'];
    const mpi = ['--host', '10.99.0.1:1,10.99.0.2:1', '--bind-to', 'none', '--mca', 'plm_rsh_agent', agent];
    return {
      launcher: { ...openMpi, command: 'ip', options: [...named, openMpi.command, ...mpi, '--mca', 'btl', 'tcp,self'] },
      cable: (plugged) => ip('-n', first, 'link', 'set', 'eth-a', plugged ? 'up' : 'down'),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
