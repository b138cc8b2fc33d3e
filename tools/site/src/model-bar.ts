import { cachedModels, deleteModel } from '@blip2/hub';
import type { WebModel } from '@blip2/web';
import { filesOfInput } from './files/dropped.js';
import { type Choice, type Model, starter } from './model.js';
import { announce, button, byId, element, field, megabytes, messageOf } from './ui/dom.js';

/** The part of the page that says which model there is, and lets another be chosen. */
export function showModel(model: Model): void {
  const text = element('p', { className: 'model-text' });
  const bar = element('progress', { max: 1, hidden: true, 'aria-label': 'Loading the model' });
  const problem = element('p', { className: 'problem', role: 'alert', hidden: true });
  const notice = element('p', { className: 'note', hidden: true });
  const load = button('Load', () => void model.get().catch(() => {}));
  const dialog = modelDialog(model);
  const change = button('Change model', () => dialog.open(), { 'aria-haspopup': 'dialog' });
  byId('model').append(
    element('div', { className: 'model-row' }, text, element('div', { className: 'row' }, load, change)),
    bar,
    problem,
    notice,
    dialog.element,
  );

  let announced = '';
  const announceOnce = (what: string): void => {
    if (what !== announced) announce(what);
    announced = what;
  };
  const show = (): void => {
    const { choice, state } = model;
    const size = choice.bytes === undefined ? '' : `, ${megabytes(choice.bytes)} to load`;
    bar.hidden = state.kind !== 'loading';
    problem.hidden = state.kind !== 'failed';
    const notes = choice.about === undefined ? [] : [choice.about];
    load.hidden = state.kind === 'ready' || state.kind === 'loading';
    if (state.kind === 'none') text.textContent = `Model: ${choice.name} (not loaded yet${size})`;
    if (state.kind === 'loading') {
      bar.value = state.share;
      text.textContent = `Model: ${choice.name}, ${state.phase}: ${Math.floor(100 * state.share)} %`;
      announceOnce(`Loading the model ${choice.name}.`);
    }
    if (state.kind === 'ready') {
      text.textContent = `Model: ${choice.name} · ${describe(state.model)}`;
      announceOnce(`The model ${choice.name} is loaded.`);
      notes.push(...model.notes);
      const { device } = state.model.info.backend;
      if (device?.requested === 'auto')
        notes.push(`${device.device === 'webgpu' ? 'The GPU' : 'WebAssembly'} computes. ${device.reason}`);
      if (!state.model.info.isolated)
        notes.push(`It computes with one thread: ${whyAlone()}, with which it could use all cores.`);
    }
    if (state.kind === 'failed') {
      text.textContent = `Model: ${choice.name}`;
      problem.textContent = state.message;
    }
    notice.textContent = notes.join(' ');
    notice.hidden = notes.length === 0;
  };
  model.onChange(show);
  show();
}

/** What visitors know backends as. */
const names: Readonly<Record<string, string>> = { simd: 'WebAssembly', webgpu: 'WebGPU' };

/** Why this page is not cross-origin isolated. */
const whyAlone = (): string =>
  isSecureContext
    ? 'this page was served without the headers Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy'
    : 'this page came by http from another machine, not by https';

/** What a loaded model takes and computes with. */
function describe({ info }: WebModel): string {
  const { backend, bytes } = info;
  const threads =
    backend.threads === undefined ? '' : `, ${backend.threads} ${backend.threads === 1 ? 'thread' : 'threads'}`;
  return `${megabytes(bytes)} of memory · ${names[backend.name] ?? backend.name}${threads}`;
}

/** The dialog in which a model is chosen: the starter, one of the hub by its name, or a folder from disk. */
function modelDialog(model: Model): { readonly element: HTMLDialogElement; open(): void } {
  const dialog = element('dialog', { 'aria-label': 'Choose a model' });
  const problem = element('p', { className: 'problem', role: 'alert', hidden: true });
  const gpu = element('input', { type: 'checkbox' });
  const choose = (choice: Choice): void => {
    dialog.close();
    model.choose(choice, gpu.checked ? 'auto' : 'wasm');
    void model.get().catch(() => {});
  };
  const name = element('input', {
    type: 'text',
    placeholder: 'Salesforce/blip2-opt-2.7b',
    autocomplete: 'off',
    required: true,
  });
  const hub = element(
    'form',
    {},
    field(
      'Name on the Hugging Face hub',
      name,
      'Its files are requested from huggingface.co, and kept in this browser’s storage.',
    ),
    element('div', { className: 'row' }, element('button', { type: 'submit', textContent: 'Download and load' })),
  );
  hub.onsubmit = (event) => {
    event.preventDefault();
    choose({ name: name.value.trim(), source: name.value.trim() });
  };
  const folder = element('input', { type: 'file', webkitdirectory: true, multiple: true, id: 'choose-model' });
  folder.onchange = () => {
    problem.hidden = true;
    const files = filesOfInput(folder);
    if (files.length === 0) return;
    try {
      const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
      choose({ name: files[0]!.path.split('/')[0]!, source: [...folder.files!], bytes });
    } catch (error) {
      problem.textContent = messageOf(error);
      problem.hidden = false;
    }
    folder.value = '';
  };
  const storage = element('p', { className: 'note' });
  const stored = element('ul', { className: 'stored' });
  dialog.append(
    element('h2', { textContent: 'Choose a model' }),
    field(
      'Use the GPU where it is faster',
      gpu,
      'A few products are measured when the model is loaded, and WebGPU’s results are compared with WebAssembly’s.',
    ),
    element('h3', { textContent: 'Starter' }),
    element('p', {
      textContent: `${starter.about} ${megabytes(starter.bytes!)}, part of this page.`,
    }),
    element(
      'div',
      { className: 'row' },
      button('Load the starter', () => choose(starter)),
    ),
    element('h3', { textContent: 'From the hub' }),
    hub,
    element('h3', { textContent: 'From disk' }),
    field(
      'Folder of a model',
      folder,
      'A folder as transformers saves it, or one that was trained here or by blip2 train. Its files stay where they are.',
    ),
    problem,
    element('h3', { textContent: 'Storage' }),
    storage,
    stored,
    element(
      'div',
      { className: 'row end' },
      button('Close', () => dialog.close()),
    ),
  );
  const open = (): void => {
    problem.hidden = true;
    dialog.showModal();
    void showStorage(storage, stored);
  };
  return { element: dialog, open };
}

/** What this page holds of the browser's storage: the models that were downloaded, which can be deleted. */
async function showStorage(place: HTMLElement, list: HTMLElement): Promise<void> {
  const { usage = 0, quota = 0 } = (await navigator.storage?.estimate?.()) ?? {};
  place.textContent =
    quota > 0
      ? `This page holds ${megabytes(usage)} in this browser; ${megabytes(quota)} are allowed.`
      : 'This browser keeps nothing for this page: a model of the hub is read from there each time.';
  const models = await cachedModels().catch(() => []);
  list.replaceChildren(
    ...models.map(({ name, bytes }) => {
      const remove = button('Delete', async () => {
        await deleteModel(name);
        announce(`${name} is deleted.`);
        await showStorage(place, list);
      });
      remove.setAttribute('aria-label', `Delete ${name}`);
      return element('li', {}, `${name}, ${megabytes(bytes)}`, remove);
    }),
  );
}
