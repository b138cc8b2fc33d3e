import { element, newId } from './dom.js';

/** A tab and what it shows. */
export interface Tab {
  readonly title: string;
  readonly panel: HTMLElement;
  /** Called when the tab is opened. */
  readonly onOpen?: () => void;
}

/** Tabs, as WAI-ARIA describes them: arrow keys, Home and End move between them, and the address keeps which one is open. */
export function tabs(all: readonly Tab[]): HTMLElement {
  const buttons = all.map(({ title }) =>
    element('button', { type: 'button', id: newId('tab'), role: 'tab', textContent: title }),
  );
  const open = (chosen: number, focus = false): void => {
    for (const [i, { panel }] of all.entries()) {
      panel.hidden = i !== chosen;
      buttons[i]!.setAttribute('aria-selected', String(i === chosen));
      buttons[i]!.tabIndex = i === chosen ? 0 : -1;
    }
    if (focus) buttons[chosen]!.focus();
    const name = all[chosen]!.title.toLowerCase();
    if (location.hash.slice(1) !== name) history.replaceState(undefined, '', `#${name}`);
    all[chosen]!.onOpen?.();
  };
  for (const [i, one] of buttons.entries()) {
    const { panel } = all[i]!;
    panel.id = newId('panel');
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', one.id);
    one.setAttribute('aria-controls', panel.id);
    one.onclick = () => open(i);
    one.onkeydown = (event) => {
      const last = all.length - 1;
      const to = { ArrowRight: i === last ? 0 : i + 1, ArrowLeft: i === 0 ? last : i - 1, Home: 0, End: last }[
        event.key
      ];
      if (to === undefined) return;
      event.preventDefault();
      open(to, true);
    };
  }
  const named = all.findIndex(({ title }) => title.toLowerCase() === location.hash.slice(1));
  open(Math.max(0, named));
  const list = element('div', { role: 'tablist', className: 'tabs', 'aria-label': 'Tasks' }, ...buttons);
  return element('div', {}, list, ...all.map(({ panel }) => panel));
}
