import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { connect } from '../../src/cli/connection.ts';
import { uiLink } from '../../src/cli/verbs/ui.ts';
import type { TestServer } from '../harness/server.ts';

/** A page in Chromium, signed in, that remembers what went wrong on it. */
export interface WatchedPage {
  readonly page: Page;
  /** Uncaught errors, unhandled rejections, dialogs and console errors, but not the browser's own line about a failed request. */
  readonly faults: readonly string[];
  /** Opens `#…` of the page. */
  go(hash: string): Promise<void>;
  /** Runs `watch`; when it fails, a screenshot stays and the error names it. */
  see(name: string, watch: () => Promise<void>): Promise<void>;
}

const PATIENCE_MS = 60_000;

export async function watchPage(browser: Browser, server: TestServer): Promise<WatchedPage> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => {}); // the page may be gone by then
  });
  page.on('console', (message) => {
    const isLine = message.type() === 'error' || message.type() === 'warning';
    if (isLine && !message.text().startsWith('Failed to load resource')) faults.push(`${message.type()}: ${message.text()}`);
  });
  await page.goto(uiLink(await connect(server.folder)).href);
  await page.waitForSelector('nav a[aria-current]');
  const address = page.url().split('#')[0];
  return {
    page,
    faults,
    go: async (hash) => void (await page.goto(`${address}${hash}`)),
    async see(name, watch) {
      try {
        await watch();
      } catch (error) {
        const path = join(mkdtempSync(join(tmpdir(), 'slipway-page-')), `${name.replaceAll(/\W+/g, '-')}.png`);
        await page.screenshot({ path, fullPage: true });
        throw new Error(`${(error as Error).message}\nThe page as it was: ${path}`, { cause: error });
      }
    },
  };
}
