import { ApiError, identity } from './api.ts';
import { automationPage } from './automation-page.ts';
import { buildPage } from './build-page.ts';
import { buildsPage } from './builds-page.ts';
import { deliveriesPage } from './deliveries-page.ts';
import { deliveryPage } from './delivery-page.ts';
import { draw, h } from './dom.ts';
import { endpointsPage } from './endpoints-page.ts';
import { executionPage } from './execution-page.ts';
import { executionsPage } from './executions-page.ts';
import { lastPart } from './format.ts';
import { modelsPage } from './models-page.ts';
import type { Page } from './page.ts';
import { card, command } from './parts.ts';
import { onChange } from './refresh.ts';
import { repositoriesPage } from './repositories-page.ts';
import { parseRoute, type Route } from './route.ts';
import { keepAddress, takeWanted } from './wanted-address.ts';

const PAGES: Readonly<Record<string, Page>> = {
  executions: executionsPage,
  execution: executionPage,
  models: modelsPage,
  endpoints: endpointsPage,
  delivery: (argument) => (argument ? deliveryPage(argument) : deliveriesPage(argument)),
  build: buildPage,
  builds: buildsPage,
  repositories: repositoriesPage,
  automation: automationPage,
};
/** Pages that a link in the head leads to only by way of another. */
const PARENTS: Readonly<Record<string, string>> = { execution: 'executions', build: 'builds' };
const LOOK_AGAIN_MS = 1000;
const RETRY_MS = 2000;

const element = (id: string): HTMLElement => document.getElementById(id) ?? document.body;

/** Looks, draws and waits, for as long as the tab is open. */
async function run(): Promise<void> {
  let open: { address: string; look: ReturnType<Page> } | undefined;
  for (;;) {
    const route = parseRoute(location.hash);
    const page = Object.hasOwn(PAGES, route.page) ? route.page : 'executions';
    const address = `${page}/${route.argument}`;
    const isNew = open?.address !== address;
    if (!open || isNew) open = { address, look: (PAGES[page] ?? executionsPage)(route.argument) };
    await nudge(await lookOnce(open.look, { ...route, page }, isNew));
  }
}

/** Draws what the page shows now; gives back how long that is good for. */
async function lookOnce(look: ReturnType<Page>, route: Route, isNew: boolean): Promise<number> {
  const hash = location.hash;
  try {
    const view = await look(route.choices);
    if (location.hash !== hash) return 0;
    document.title = `${view.title} – Slipway`;
    show(route.page, view.content, isNew);
    if (view.chosen !== chosen && view.chosen !== undefined) revealPanel();
    chosen = view.chosen;
    tell('');
    return view.live ? (view.againMs ?? LOOK_AGAIN_MS) : Infinity;
  } catch (error) {
    return location.hash === hash ? showFault(route.page, error, isNew) : 0;
  }
}

let chosen: string | undefined;

function revealPanel(): void {
  const title = document.querySelector('.panel .title');
  if (title && title.getBoundingClientRect().top > innerHeight - 200)
    title.scrollIntoView({ block: 'start', behavior: 'smooth' });
}

function show(page: string, content: readonly Node[], isNew: boolean): void {
  for (const link of document.querySelectorAll('nav a')) {
    const isCurrent = link.getAttribute('href') === `#/${PARENTS[page] ?? page}`;
    if (isCurrent) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (isNew) element('page').replaceChildren();
  draw(element('page'), content);
  if (isNew) scrollTo(0, 0);
}

function showFault(page: string, error: unknown, isNew: boolean): number {
  const fault = error instanceof ApiError ? error : undefined;
  if (fault?.status === 401) {
    keepAddress();
    show(
      page,
      [card(h('h1', {}, 'Signed out'), h('p', {}, 'Print a new one-time link, and open it:'), command('npx slipway ui'))],
      true,
    );
    tell('');
    return Infinity;
  }
  if (fault && (fault.status === 0 || fault.status >= 500)) {
    const what = fault.status === 0 ? 'The server does not answer.' : `The server says: ${fault.message}`;
    tell(`${what} What is shown may be old; trying again.`);
    return RETRY_MS;
  }
  const message = fault ? `${fault.code}: ${fault.message}` : String(error);
  show(page, [card(h('h1', {}, 'That did not work'), h('p', { class: 'reason' }, message))], isNew);
  return LOOK_AGAIN_MS * 5;
}

/** The line above everything; empty takes it away. */
function tell(text: string): void {
  const banner = element('banner');
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = text === '';
}

/** Waits for `timeMs` and until the tab is visible, or until another address is asked for. */
function nudge(timeMs: number): Promise<void> {
  return new Promise((resolve) => {
    let isDue = timeMs === 0;
    const goOn = (): void => {
      clearTimeout(timer);
      removeEventListener('hashchange', goOn);
      stopHearing();
      document.removeEventListener('visibilitychange', check);
      resolve();
    };
    const check = (): void => {
      if (isDue && !document.hidden) goOn();
    };
    const timer = setTimeout(
      () => {
        isDue = timeMs !== Infinity;
        check();
      },
      Math.min(timeMs, 2 ** 30),
    );
    addEventListener('hashchange', goOn);
    const stopHearing = onChange(goOn);
    document.addEventListener('visibilitychange', check);
  });
}

/** Copies what `copyable` holds; where the browser refuses, it is selected for the person to copy. */
async function copy(button: HTMLElement): Promise<void> {
  const { copy: text = '' } = button.dataset;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'copied';
    setTimeout(() => {
      button.textContent = 'copy';
    }, 1500);
  } catch {
    const code = button.parentElement?.querySelector('code');
    if (code) getSelection()?.selectAllChildren(code);
  }
}

async function showIdentity(): Promise<void> {
  const { arn, region } = await identity();
  element('identity').textContent = `${lastPart(arn)} · ${region}`;
  element('identity').title = arn;
}

document.addEventListener('click', (event) => {
  const button = event.target instanceof HTMLElement && event.target.closest<HTMLElement>('[data-copy]');
  if (button) void copy(button);
});
const wanted = takeWanted();
if (wanted && !location.hash) history.replaceState(undefined, '', wanted);
showIdentity().catch(() => {}); // the page itself says when there is no session or no server
void run();
