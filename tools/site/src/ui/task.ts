import { announce, button, element, messageOf } from './dom.js';

/** What runs, and how far it is. */
export interface Running {
  /** Aborted by the button 'Cancel'. */
  readonly signal: AbortSignal;
  /** Shows how much is done. */
  progress(done: number, total: number, what: string): void;
}

/** A row that shows what runs: its progress, a button that cancels it, and what went wrong. */
export interface Task {
  readonly element: HTMLElement;
  /** Whether something runs. */
  readonly busy: boolean;
  /**
   * Runs something; its controls are disabled meanwhile. Errors are shown. Does nothing while something else runs.
   * @returns whether it ran to its end
   */
  run(work: (running: Running) => Promise<void>): Promise<boolean>;
}

/** Makes the row of a task. @param controls disabled while it runs */
export function task(controls: readonly (HTMLButtonElement | HTMLInputElement)[] = []): Task {
  let controller: AbortController | undefined;
  const bar = element('progress', { max: 1 });
  const text = element('span');
  const cancel = button('Cancel', () => controller?.abort(new Error('Cancelled.')));
  const status = element('div', { className: 'status', hidden: true }, bar, text, cancel);
  const problem = element('p', { className: 'problem', role: 'alert', hidden: true });
  return {
    element: element('div', { className: 'task' }, status, problem),
    get busy() {
      return controller !== undefined;
    },
    async run(work) {
      if (controller) return false;
      controller = new AbortController();
      const { signal } = controller;
      for (const control of controls) control.disabled = true;
      status.hidden = false;
      problem.hidden = true;
      bar.removeAttribute('value');
      text.textContent = 'Working…';
      try {
        await work({
          signal,
          progress(done, total, what) {
            bar.value = total > 0 ? done / total : 0;
            text.textContent = what;
          },
        });
        return true;
      } catch (error) {
        if (signal.aborted) announce('Cancelled.');
        else {
          problem.textContent = messageOf(error);
          problem.hidden = false;
        }
        return false;
      } finally {
        controller = undefined;
        status.hidden = true;
        for (const control of controls) control.disabled = false;
      }
    },
  };
}
