import { call, predict } from './api.ts';
import type { Page } from './app.ts';
import { h, statusBadge, tableOf, timeOf } from './dom.ts';
import { refresh } from './refresh.ts';

export const endpointPage: Page = async (root, chosen, signal) => {
  root.append(h('h1', {}, 'Endpoints'), h('p', { class: 'sub' }, 'Where models answer.'));
  const list = h('div', { class: 'card' });
  const detail = h('div');
  root.append(h('div', { class: 'columns' }, list, detail));
  if (chosen) detail.append(predictionCard(chosen));
  await refresh(signal, async () => {
    const { Endpoints = [] } = await call('sagemaker:ListEndpoints', { SortBy: 'CreationTime', SortOrder: 'Descending', MaxResults: 100 });
    list.replaceChildren(Endpoints.length === 0
      ? h('p', { class: 'empty' }, 'No endpoint yet. Deploy one: npx slipway deploy GROUP/N --endpoint NAME')
      : tableOf(['Endpoint', 'Status', 'Changed'], Endpoints.map((endpoint) => [
        h('a', { href: `#/endpoints/${encodeURIComponent(endpoint.EndpointName ?? '')}` }, endpoint.EndpointName ?? ''),
        statusBadge(endpoint.EndpointStatus), timeOf(endpoint.LastModifiedTime)])));
    return true;
  });
};

function predictionCard(endpoint: string): HTMLElement {
  const body = h('textarea', { 'aria-label': 'request body', placeholder: 'one row, e.g. 17.99,10.38,122.8,…' }) as HTMLTextAreaElement;
  const type = h('select', { 'aria-label': 'content type' },
    ...['text/csv', 'text/libsvm', 'application/json'].map((name) => h('option', {}, name))) as HTMLSelectElement;
  const accept = h('select', { 'aria-label': 'accept' },
    ...['', 'text/csv', 'application/json'].map((name) => h('option', { value: name }, name || 'default'))) as HTMLSelectElement;
  const answer = h('div');
  const button = h('button', { class: 'do', click: () => void ask() }, 'Predict') as HTMLButtonElement;
  const ask = async () => {
    button.disabled = true;
    try {
      const started = performance.now();
      const result = await predict(endpoint, type.value, accept.value, body.value);
      const took = `${(performance.now() - started).toFixed(1)} ms`;
      answer.replaceChildren(
        h('p', { class: result.status === 200 ? 'sub' : 'reason' },
          `HTTP ${result.status} · ${result.contentType} · ${result.variant ? `variant ${result.variant} · ` : ''}${took}`),
        h('pre', { class: 'plain', id: 'answer' }, result.text));
    } finally {
      button.disabled = false;
    }
  };
  return h('div', { class: 'card' }, h('h1', {}, endpoint),
    h('h2', {}, 'Try a prediction'), body,
    h('div', { class: 'ask' }, 'content type', type, 'accept', accept, button), answer);
}
