import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, Contender, Question } from './contender.js';

/** A contender in a process of its own, so that no engine disturbs another's memory or threads. */
export class ContenderProcess {
  readonly contender: Contender;
  readonly #child: ChildProcess;

  constructor(contender: Contender) {
    this.contender = contender;
    this.#child = fork(fileURLToPath(new URL('child.ts', import.meta.url)), [JSON.stringify(contender)], {
      execArgv: ['--conditions=@blip2/source', '--import', 'tsx', '--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  /** @throws with the contender's own words when it cannot do what it is asked, or has died */
  async ask<A extends Answer>(question: Question): Promise<A> {
    const said = await new Promise<Answer>((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`its process ended with code ${code}`));
      this.#child.once('exit', ended);
      this.#child.once('message', (message) => {
        this.#child.off('exit', ended);
        resolve(message as Answer);
      });
      this.#child.send(question);
    });
    if ('error' in said) throw new Error(said.error);
    return said as A;
  }

  close(): void {
    this.#child.kill();
  }
}
