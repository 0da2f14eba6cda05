import { type Prediction, predict } from './api.ts';
import { h } from './dom.ts';
import { command } from './parts.ts';

/** What a body of each content type looks like. */
const EXAMPLES: Readonly<Record<string, { readonly body: string; readonly help: string }>> = {
  'text/csv': {
    body: '17.99,10.38,122.8',
    help: 'One row per line: the features in the order of the training data, without the label.',
  },
  'text/libsvm': {
    body: '0:17.99 1:10.38 2:122.8',
    help: 'One row per line: index:value of the features that are not zero, without the label.',
  },
  'application/json': {
    body: '{"instances": [{"features": [17.99, 10.38, 122.8]}]}',
    help: 'What the model’s own code reads; built-in algorithms take "instances" with "features".',
  },
};
const TYPES = Object.keys(EXAMPLES);

/** A form that asks an endpoint. Nothing of it is stored: what is typed goes with the page. */
export function predictionBox(endpoint: string): HTMLElement {
  const body = h('textarea', { id: 'body', spellcheck: 'false', rows: '4' }) as HTMLTextAreaElement;
  const type = choice('content-type', TYPES, 'text/csv');
  const accept = choice('accept', ['text/csv', 'application/json', 'application/jsonlines'], '');
  const help = h('p', { class: 'sub', id: 'body-help' });
  const button = h('button', { class: 'do' }, 'Predict') as HTMLButtonElement;
  const answer = h('div', { id: 'answer', role: 'status' });
  body.setAttribute('aria-describedby', 'body-help');
  accept.placeholder = 'any';
  const form = h(
    'form',
    { class: 'prediction' },
    h('h3', { class: 'section' }, 'Try a prediction'),
    h('label', { for: 'body' }, 'Body'),
    body,
    help,
    h('div', { class: 'ask' }, label('Content type', type), label('Accept', accept), button),
    answer,
    h('p', { class: 'sub' }, 'The same on the command line:'),
    command(`npx slipway invoke ${endpoint} --content-type text/csv --body 'TEXT'`),
    ...[type, accept].map((input) =>
      optionsOf(input, input === type ? TYPES : ['text/csv', 'application/json', 'application/jsonlines']),
    ),
  );

  const explain = (): void => {
    const example = EXAMPLES[type.value];
    body.placeholder = example?.body ?? '';
    help.textContent = example?.help ?? 'As the model’s own code reads it.';
  };
  type.addEventListener('input', explain);
  explain();
  body.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) (form as HTMLFormElement).requestSubmit();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!button.disabled) void ask();
  });
  const ask = async (): Promise<void> => {
    button.disabled = true;
    answer.replaceChildren(h('p', { class: 'sub' }, 'Waiting for the model…'));
    const startedAt = performance.now();
    try {
      const result = await predict(endpoint, type.value, accept.value, body.value);
      answer.replaceChildren(...answerOf(result, performance.now() - startedAt));
    } catch (error) {
      answer.replaceChildren(h('p', { class: 'reason' }, (error as Error).message));
    } finally {
      button.disabled = false;
    }
  };
  return form;
}

function answerOf({ status, contentType, variant, error, text }: Prediction, tookMs: number): HTMLElement[] {
  const facts = [
    `HTTP ${status}${error ? ` ${error}` : ''}`,
    contentType,
    variant && `variant ${variant}`,
    `${tookMs.toFixed(tookMs < 100 ? 1 : 0)} ms`,
  ];
  return [
    h('p', { class: status === 200 ? 'answer-head' : 'answer-head reason' }, facts.filter(Boolean).join(' · ')),
    h('pre', { class: 'plain', 'data-status': String(status) }, text || '(an empty answer)'),
  ];
}

function choice(name: string, _values: readonly string[], value: string): HTMLInputElement {
  const input = h('input', { id: name, list: `${name}s`, autocomplete: 'off', spellcheck: 'false' }) as HTMLInputElement;
  input.value = value;
  return input;
}

const optionsOf = (input: HTMLInputElement, values: readonly string[]): HTMLElement =>
  h(
    'datalist',
    { id: `${input.id}s` },
    values.map((value) => h('option', { value })),
  );

const label = (text: string, input: HTMLElement): HTMLElement => h('label', {}, `${text} `, input);
