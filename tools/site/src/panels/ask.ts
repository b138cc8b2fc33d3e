import type { Images, PageImage } from '../images.js';
import type { Model } from '../model.js';
import { button, element, field } from '../ui/dom.js';
import { preview } from '../ui/preview.js';
import { task } from '../ui/task.js';

/** A question with its answer. */
interface Turn {
  readonly question: string;
  answer: string;
}

/** Questions about the chosen image, as a dialogue: former questions and answers are part of the prompt. */
export function askPanel(images: Images, model: Model): HTMLElement {
  const dialogues = new Map<PageImage, Turn[]>();
  const log = element('div', { className: 'dialogue', role: 'log', 'aria-label': 'Dialogue' });
  const question = element('input', { type: 'text', autocomplete: 'off', placeholder: 'how many dogs are there?' });
  const remember = element('input', { type: 'checkbox' });
  const send = element('button', { type: 'submit', className: 'main', textContent: 'Ask' });
  const again = button('New dialogue', () => {
    if (images.chosen) dialogues.delete(images.chosen);
    show();
    question.focus();
  });
  const work = task([send, again]);

  async function ask(): Promise<void> {
    const image = images.chosen;
    const text = question.value.trim();
    if (!image || text === '' || work.busy) return;
    const turns = dialogues.get(image) ?? [];
    const history = remember.checked ? turns.map((turn) => ({ ...turn })) : [];
    const turn: Turn = { question: text, answer: '' };
    dialogues.set(image, [...turns, turn]);
    show();
    const answered = await work.run(async ({ signal }) => {
      const loaded = await model.get();
      const answer = log.lastElementChild?.lastElementChild;
      for await (const piece of loaded.stream(image.file, { question: text, history, maxNewTokens: 10, signal })) {
        turn.answer += piece;
        if (answer) answer.textContent = turn.answer;
      }
    });
    if (answered) question.value = '';
    else dialogues.set(image, turns);
    show();
    question.focus();
  }

  const show = (): void => {
    const turns = (images.chosen && dialogues.get(images.chosen)) ?? [];
    send.disabled = work.busy || !images.chosen;
    again.hidden = turns.length === 0;
    log.hidden = turns.length === 0;
    log.replaceChildren(
      ...turns.map((turn) =>
        element(
          'div',
          { className: 'turn' },
          element('p', { className: 'question', textContent: turn.question }),
          element('p', { className: 'answer', textContent: turn.answer || '…' }),
        ),
      ),
    );
  };
  images.onChange(show);
  show();
  const form = element('form', {}, field('Question', question), element('div', { className: 'row' }, send, again));
  form.onsubmit = (event) => {
    event.preventDefault();
    void ask();
  };
  const hint = 'For large models: the starter has learned single questions.';
  return element(
    'div',
    {},
    preview(images),
    log,
    form,
    field('Give former questions and answers to the model', remember, hint),
    work.element,
  );
}
