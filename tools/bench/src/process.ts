import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Contender, kinds } from './contender.js';
import { python } from './peers.js';
import { type Answer, type Answers, lineOf, messageOf, type Question } from './protocol.js';

/** A contender in a process of its own, so that no engine disturbs another's memory or threads. */
export class ContenderProcess {
  readonly contender: Contender;
  readonly #child: ChildProcess;
  #wait: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  #ended: string | undefined;

  constructor(contender: Contender) {
    this.contender = contender;
    const [command, args] = commandOf(contender);
    this.#child = spawn(command, [...args, JSON.stringify(contender)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...environmentOf(contender) },
    });
    const end = (how: string): void => {
      this.#ended ??= how;
      this.#wait?.reject(new Error(how));
    };
    this.#child.on('error', (error) => end(`its process cannot be started: ${error.message}`));
    this.#child.on('exit', (code, signal) => end(`its process ended with ${signal ?? `code ${code}`}`));
    this.#child.stdin?.on('error', () => {}); // it has ended, which is told
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const answer = messageOf<Answer>(line);
      if (answer) this.#wait?.resolve(answer);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws with the contender's own words when it cannot do what it is asked, or has died */
  async ask<Q extends Question>(question: Q): Promise<Answers[Q['ask']]> {
    if (this.#ended) throw new Error(this.#ended);
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#wait = { resolve, reject };
      this.#child.stdin?.write(lineOf(question));
    });
    if ('error' in answer) throw new Error(answer.error);
    return answer as Answers[Q['ask']];
  }

  close(): void {
    this.#child.kill();
  }
}

function commandOf({ name }: Contender): [command: string, args: string[]] {
  const program = fileURLToPath(new URL(kinds[name]?.program as string, import.meta.url));
  if (program.endsWith('.py')) return [python, ['-u', program]];
  return [process.execPath, ['--conditions=@blip2/source', '--import', 'tsx', '--expose-gc', program]];
}

/** Held to so many threads, and `pytorch` and `native-avx2` to AVX2. */
function environmentOf({ name, threads }: Contender): Record<string, string> {
  const count = String(threads);
  if (name === 'tfjs-node') return { TF_NUM_INTRAOP_THREADS: count, TF_NUM_INTEROP_THREADS: '1' };
  if (name === 'native-avx2') return { BLIP2_NATIVE: 'avx2' };
  if (!name.startsWith('pytorch')) return {};
  const held =
    name === 'pytorch'
      ? { ATEN_CPU_CAPABILITY: 'avx2', ONEDNN_MAX_CPU_ISA: 'AVX2', MKL_ENABLE_INSTRUCTIONS: 'AVX2' }
      : {};
  return { OMP_NUM_THREADS: count, MKL_NUM_THREADS: count, ...held };
}
