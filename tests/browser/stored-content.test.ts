import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { presignUrl } from '../../src/gateway/signature/sign.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { slipway } from '../harness/cli.ts';
import { BUCKET } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { findChromium, launch } from './chromium.ts';

const chromium = findChromium();

/** Asks in the name of whoever is signed in, and says in its title what came of it. */
const SCRIPT = `
const tell = (text) => { document.documentElement.setAttribute('data-said', text); };
fetch('/_slipway/ui/identity', { credentials: 'include' })
  .then((answer) => answer.text().then((text) => tell(answer.status + ' ' + text)), () => tell('refused'));
try { if (document.cookie) tell('cookie ' + document.cookie); } catch { }
`;
const PAGES: Readonly<Record<string, string>> = {
  'text/html': `<!doctype html><title>report</title><h1>A report</h1><script>${SCRIPT}</script>`,
  'application/xhtml+xml': `<html xmlns="http://www.w3.org/1999/xhtml"><body><script>${SCRIPT.replaceAll('&', '&amp;')}</script></body></html>`,
  'image/svg+xml': `<svg xmlns="http://www.w3.org/2000/svg"><script>${SCRIPT}</script></svg>`,
};

/** Objects of S3 come from the same host and port as the page: what a job writes must not act as whoever looks at it. */
suite('stored content in the browser of someone signed in', { skip: 'absent' in chromium ? chromium.absent : false }, () => {
  let server: TestServer;
  let browser: Browser;
  before(async () => {
    server = await startServer();
    browser = await launch('path' in chromium ? chromium.path : '');
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('a document out of S3 opens, and its scripts reach neither the page nor its session', async () => {
    const aws = new AwsClient(optionsOf(server));
    const { stdout } = await slipway(['ui'], { env: server.env });
    const page = await (await browser.newContext()).newPage();
    await page.goto(/http\S+/.exec(stdout)?.[0] ?? '');
    await page.waitForURL(/\/_slipway\/ui$/);
    assert.equal((await page.request.get(`${server.url}/_slipway/ui/identity`)).status(), 200, 'is signed in');
    for (const [type, text] of Object.entries(PAGES)) {
      await aws.s3('PUT', `/${BUCKET}/report`, text, { 'content-type': type });
      const { credentials, region, url } = aws.options;
      const signed = {
        method: 'GET',
        url: new URL(`${url}/${BUCKET}/report`),
        service: 's3',
        credentials,
        region,
        nowMs: Date.now(),
        expiresSeconds: 60,
      };
      await page.goto(String(presignUrl(signed)));
      await page.waitForSelector(':root[data-said]', { state: 'attached' });
      assert.equal(await page.locator(':root').getAttribute('data-said'), 'refused', type);
    }
  });
});
