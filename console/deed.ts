import { ApiError } from './api.ts';
import { h, placeOf } from './dom.ts';
import { lookAgain } from './refresh.ts';

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly value?: string;
  readonly placeholder?: string;
  /** Several lines instead of one. */
  readonly isLong?: boolean;
  readonly isRequired?: boolean;
  readonly lengthMax?: number;
}

export type Values = Readonly<Record<string, string>>;

interface Deed {
  readonly label: string;
  /** Default: the one thing to do here. */
  readonly look?: 'main' | 'good' | 'bad' | 'plain';
  /** Does it; the text it gives is said afterwards. */
  act(values: Values): Promise<string>;
}

let formCount = 0;

/**
 * A form with a button for each thing that can be done. It keeps what is typed while the page is drawn again, says while it waits, and
 * shows a refusal in the server's own words.
 */
export function deedForm(fields: readonly Field[], deeds: readonly Deed[]): HTMLElement {
  const id = `deed-${++formCount}`;
  const inputs = fields.map((field) => inputOf(field, `${id}-${field.name}`));
  const answer = h('div', { class: 'deed-answer', role: 'status' });
  const buttons = deeds.map(({ label, look = 'main' }) =>
    h('button', { type: 'button', class: `do ${look}`, 'data-deed': label }, label),
  ) as HTMLButtonElement[];
  const form = h(
    'form',
    { class: 'deed' },
    fields.flatMap(({ label }, at) => [h('label', { for: inputs[at]?.id }, label), inputs[at] as Node]),
    h('div', { class: 'deeds' }, buttons),
    answer,
  );

  const perform = async ({ label, act }: Deed): Promise<void> => {
    if (inputs.some((input) => !input.reportValidity())) return;
    const values = Object.fromEntries(fields.map(({ name }, at) => [name, inputs[at]?.value.trim() ?? '']));
    for (const button of buttons) button.disabled = true;
    answer.replaceChildren(h('p', { class: 'sub' }, `${label}…`));
    try {
      answer.replaceChildren(h('p', { class: 'sub' }, await act(values)));
      lookAgain();
    } catch (error) {
      answer.replaceChildren(h('p', { class: 'reason' }, faultText(error)));
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  };
  buttons.forEach((button, at) => {
    button.addEventListener('click', () => void perform(deeds[at] as Deed));
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault(); // Enter in a field decides nothing
  });
  return form;
}

const faultText = (error: unknown): string =>
  error instanceof ApiError ? `${error.code}: ${error.message}` : String((error as Error).message);

function inputOf(field: Field, id: string): HTMLInputElement | HTMLTextAreaElement {
  const attributes = {
    id,
    name: field.name,
    autocomplete: 'off',
    spellcheck: field.isLong ? 'true' : 'false',
    placeholder: field.placeholder,
    maxlength: field.lengthMax === undefined ? undefined : String(field.lengthMax),
    required: field.isRequired ? '' : undefined,
    rows: field.isLong ? '3' : undefined,
  };
  const input = h(field.isLong ? 'textarea' : 'input', attributes) as HTMLInputElement | HTMLTextAreaElement;
  input.value = field.value ?? '';
  return input;
}

/** A form behind a button of its own, for what is done seldom or cannot be taken back. */
export const folded = (title: string, ...content: readonly (Node | string)[]): HTMLElement =>
  h('details', { class: 'folded' }, h('summary', { class: 'do plain' }, title), h('div', { class: 'unfolded' }, content));

/** What a page has made and lets live on between drawings, by what it is about. */
export interface Keep {
  /** Forms and other elements with a state of their own. */
  element(key: string, make: () => Element): Node;
  thing<T>(key: string, make: () => T): T;
}

export function keeper(): Keep {
  const kept = new Map<string, unknown>();
  const thing = <T>(key: string, make: () => T): T => {
    if (!kept.has(key)) kept.set(key, make());
    return kept.get(key) as T;
  };
  return { thing, element: (key, make) => placeOf(thing(key, make)) };
}
