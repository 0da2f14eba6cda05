import { ApiError, identity } from './api.ts';
import { h } from './dom.ts';
import { endpointPage } from './endpoints-page.ts';
import { executionPage, executionsPage } from './executions-page.ts';
import { modelsPage } from './models-page.ts';

/** A page fills `root` and may keep refreshing itself until `signal` is aborted (when another page is opened). */
export type Page = (root: HTMLElement, argument: string, signal: AbortSignal) => Promise<void>;

const PAGES: Record<string, Page> = {
  executions: executionsPage, execution: executionPage, models: modelsPage, endpoints: endpointPage };

let leave = new AbortController();

async function open(): Promise<void> {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const [, name = 'executions', ...rest] = location.hash.split('/');
  const root = h('div');
  document.querySelector('#page')?.replaceChildren(root);
  for (const link of document.querySelectorAll('nav a')) {
    const target = link.getAttribute('href')?.slice(2) ?? '';
    link.classList.toggle('current', target.startsWith(name) || (name === 'execution' && target === 'executions'));
  }
  try {
    await (PAGES[name] ?? executionsPage)(root, decodeURIComponent(rest.join('/')), signal);
  } catch (error) {
    if (!signal.aborted) showError(root, error);
  }
}

function showError(root: HTMLElement, error: unknown): void {
  const signedOut = error instanceof ApiError && ['401', '403'].includes(error.code);
  root.replaceChildren(h('div', { class: 'card' },
    h('h1', {}, signedOut ? 'Signed out' : 'That did not work'),
    h('p', { class: 'reason' }, signedOut ? 'Print a new link: npx slipway ui' : String((error as Error).message))));
}

addEventListener('hashchange', open);
identity().then(({ arn, region }) => {
  const label = document.querySelector('#identity');
  if (label) label.textContent = `${arn.split(':').at(-1)} · ${region}`;
}, () => {}); // the page itself reports a missing session
await open();
