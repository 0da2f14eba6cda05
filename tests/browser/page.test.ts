import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { callJson, putObject } from '../../src/cli/client.ts';
import { connect } from '../../src/cli/connection.ts';
import { slipway } from '../harness/cli.ts';
import { BUCKET } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { findChromium, launch } from './chromium.ts';
import { type Gate, openGate } from './gate.ts';
import { watchPage, type WatchedPage } from './watched-page.ts';

const EXAMPLE = resolve(import.meta.dirname, '../../examples/breast-cancer/pipeline.ts');
/** Thirty measurements. */
const ROW = Array.from({ length: 30 }, (_, at) => String(at + 0.5)).join(',');
const MARKUP = '<img src=x onerror="alert(1)"><script>alert(2)</script>';

/** A processing step that runs Python of at most 256 characters. */
const python = (name: string, code: string, dependsOn: readonly string[] = []) => ({
  Name: name,
  Type: 'Processing',
  DependsOn: dependsOn,
  Arguments: {
    ProcessingResources: { ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 } },
    AppSpecification: { ImageUri: 'python:3.11', ContainerEntrypoint: ['python3', '-u', '-c', code] },
    RoleArn: 'arn:aws:iam::123456789012:role/SomeRole',
  },
});

const condition = (name: string, left: unknown, ifStep: unknown, elseStep: unknown) => ({
  Name: name,
  Type: 'Condition',
  Arguments: {
    Conditions: [{ Type: 'GreaterThan', LeftValue: left, RightValue: 0.5 }],
    IfSteps: [ifStep],
    ElseSteps: [elseStep],
  },
});

const chromium = findChromium();

suite('the page in Chromium', { skip: 'absent' in chromium ? chromium.absent : false }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-page-test-'));
  let server: TestServer;
  let browser: Browser;
  let watched: WatchedPage;
  let gate: Gate;

  const cli = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await slipway(args, { env: server.env, cwd: scratch });
    assert.equal(code, 0, `${args.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  };
  /** Starts an execution; gives its address on the page. */
  const run = async (name: string, steps: readonly unknown[], parameters: readonly unknown[] = []): Promise<string> => {
    writeFileSync(join(scratch, `${name}.json`), JSON.stringify({ Version: '2020-12-01', Parameters: parameters, Steps: steps }));
    return `#/execution/${(await cli('run', `${name}.json`)).split('\n')[0]}`;
  };
  const watch = (name: string, body: (seen: WatchedPage) => Promise<void>): void => {
    test(name, () => watched.see(name, () => body(watched)));
  };

  before(async () => {
    [server, gate] = await Promise.all([startServer(), openGate()]);
    browser = await launch('path' in chromium ? chromium.path : '');
    watched = await watchPage(browser, server);
  });
  after(async () => {
    gate?.close();
    await browser?.close();
    await server?.stop();
    for (const folder of [scratch, server?.folder ?? scratch]) rmSync(folder, { recursive: true, force: true }); // a restarted server leaves its folder
  });

  watch('an empty server says how to begin', async ({ page, go }) => {
    await page.getByText('No execution yet').waitFor();
    await go('#/models');
    await page.getByText('No model is registered yet').waitFor();
    await go('#/endpoints');
    await page.getByText('No endpoint yet').waitFor();
    await page.getByText('npx slipway deploy GROUP/N').waitFor();
    assert.equal(await page.title(), 'Endpoints – Slipway');
  });

  watch('a step takes on its colours while it runs, and its log grows', async ({ page, go }) => {
    await go('#/executions');
    const code = `import urllib.request as u;print('before the gate');u.urlopen('${gate.url}').read();print('after the gate')`;
    await run('gated', [python('Waits', code), python('Follows', 'print(1)', ['Waits'])]);
    await page.locator('td a[href*="gated/execution"]').click(); // came up by itself
    const [waits, follows] = [page.locator('[data-step=Waits]'), page.locator('[data-step=Follows]')];
    await page.locator('[data-step=Waits][data-status=Executing]').waitFor();
    assert.match((await waits.getAttribute('class')) ?? '', /busy/);
    assert.equal(await follows.getAttribute('data-status'), '');
    await waits.click();
    await page.getByRole('link', { name: 'Log', exact: true }).click();
    await page.locator('pre.log', { hasText: 'before the gate' }).waitFor();
    assert.equal(await waits.getAttribute('data-status'), 'Executing');
    assert.ok(!(await page.locator('pre.log').innerText()).includes('after the gate'));

    // what is selected stays selected while the page is drawn again
    await page.locator('pre.log').selectText();
    const took = await waits.locator('.took').innerText();
    await waits.locator('.took').filter({ hasNotText: took }).waitFor();
    const selection = () => String((globalThis as unknown as { getSelection(): unknown }).getSelection());
    assert.match(await page.evaluate(selection), /before the gate/);

    gate.release();
    await page.locator('pre.log', { hasText: 'after the gate' }).waitFor();
    await page.locator('[data-step=Waits][data-status=Succeeded]').waitFor();
    await page.locator('[data-step=Follows][data-status=Succeeded]').waitFor();
    await page.locator('h1 .status', { hasText: 'Succeeded' }).waitFor();
    assert.match((await waits.getAttribute('class')) ?? '', /ok/);
    assert.equal((await page.locator('pre.log').innerText()).match(/before the gate/g)?.length, 1);
  });

  watch('the address holds what is shown: reload, back and keyboard', async ({ page }) => {
    assert.match(page.url(), /\?step=Waits&tab=Log$/);
    await page.reload();
    await page.locator('pre.log', { hasText: 'after the gate' }).waitFor();
    await page.locator('[data-step=Follows]').focus();
    await page.keyboard.press('Enter');
    await page.locator('.panel h2', { hasText: 'Follows' }).waitFor();
    assert.equal(await page.locator('[data-step=Follows]').getAttribute('aria-current'), 'true');
    await page.goBack();
    await page.locator('.panel h2', { hasText: 'Waits' }).waitFor();
    await page.getByRole('link', { name: 'Back to all steps' }).click();
    await page.locator('.panel tr', { hasText: 'Follows' }).getByText('Succeeded').waitFor();
  });

  watch('failure, the branch not taken, and markup that stays text', async ({ page, go }) => {
    const fails = python('Fails', `print('${MARKUP.replaceAll("'", '')}');raise SystemExit('no <b>column</b>')`);
    const branches = condition('Enough', { Get: 'Parameters.Score' }, python('Publish', 'print(1)'), python('Again', 'print(1)'));
    const parameters = [
      { Name: 'Score', Type: 'Float', DefaultValue: 0.2 },
      { Name: 'Note', Type: 'String', DefaultValue: MARKUP },
    ];
    const address = await run('fails', [fails, branches, python('After', 'print(1)', ['Publish'])], parameters);
    await go(`${address}?step=Fails&tab=Log`);
    await page.locator('h1 .status', { hasText: 'Failed' }).waitFor();
    await page.locator('pre.log', { hasText: MARKUP }).waitFor();
    await page.locator('.panel .reason', { hasText: 'no <b>column</b>' }).waitFor();
    await page.locator('.parameters', { hasText: MARKUP }).waitFor();
    assert.equal(await page.locator('[data-step=Fails]').getAttribute('data-status'), 'Failed');
    for (const step of ['Publish', 'After']) {
      assert.match((await page.locator(`[data-step=${step}]`).getAttribute('class')) ?? '', / out/);
      assert.equal(await page.locator(`[data-step=${step}] .took`).innerText(), 'not run');
    }
    assert.equal(await page.locator('[data-step=Again]').getAttribute('data-status'), 'Succeeded');
    await page.locator('[data-step=Enough]').click();
    await page.getByRole('link', { name: 'Output', exact: true }).click();
    await page.locator('.tab .status', { hasText: 'False' }).waitFor();
    await page.getByRole('link', { name: 'Input', exact: true }).click();
    await page.getByText('Parameters.Score > 0.5').waitFor();
    assert.equal(await page.locator('main :is(img, script, b)').count(), 0);
  });

  watch('markup in descriptions and addresses stays text', async ({ page, go }) => {
    const connection = await connect(server.folder);
    await callJson(connection, 'sagemaker:CreateModelPackageGroup', {
      ModelPackageGroupName: 'marked',
      ModelPackageGroupDescription: MARKUP,
    });
    const { ModelPackageArn } = await callJson(connection, 'sagemaker:CreateModelPackage', {
      ModelPackageGroupName: 'marked',
      ModelPackageDescription: `about ${MARKUP}`,
      ModelMetrics: { ModelQuality: { Statistics: { ContentType: 'text/html', S3Uri: 's3://nowhere/<b>report</b>' } } },
    } as Parameters<typeof callJson<'sagemaker:CreateModelPackage'>>[2]);
    await go(`#/models/${ModelPackageArn}`);
    for (const text of [MARKUP, `about ${MARKUP}`, 's3://nowhere/<b>report</b>', 'NoSuchBucket']) {
      await page.getByText(text).first().waitFor();
    }
    assert.equal(await page.locator('main :is(img, script, b)').count(), 0);
    await go(`#/endpoints/${encodeURIComponent(MARKUP)}`);
    await page.getByText(MARKUP).first().waitFor();
    assert.equal(await page.locator('main :is(img, script, b)').count(), 0);
  });

  watch('a step that took the result of an earlier run says whose', async ({ page, go }) => {
    const steps = [{ ...python('Same', 'print(1)'), CacheConfig: { Enabled: true, ExpireAfter: 'P1D' } }];
    const first = await run('twice', steps);
    await cli('wait', 'twice');
    await go(await run('twice', steps));
    await page.locator('[data-step=Same] .took', { hasText: 'cached' }).waitFor();
    await page.locator('[data-step=Same]').click();
    await page.getByText('taken from the step cache').waitFor();
    await page
      .locator('p.sub a')
      .filter({ hasText: first.split('/').at(-1) })
      .click();
    await page.locator('h1', { hasText: first.split('/').at(-1) }).waitFor();
    assert.notEqual(await page.locator('[data-step=Same] .took').innerText(), 'cached');
  });

  watch('a model is trained, registered, approved, deployed and asked', async ({ page, go }) => {
    const running = cli('run', EXAMPLE, '--wait', '--param', 'NumRound=20');
    await go('#/executions');
    await page.locator('td a[href*="breast-cancer/execution"]').click();
    await page.locator('[data-step=Train]').click();
    await page.locator('[data-step=Train][data-status=Executing]').waitFor();
    await page.locator('[data-step=Train][data-status=Succeeded]').waitFor();
    const metric = page.locator('tr', { hasText: 'validation:auc' }).locator('.number');
    assert.ok(Number(await metric.innerText()) > 0.5);
    await running;
    await page.locator('[data-step=Evaluate]').click();
    await page.locator('dt', { hasText: 'metrics.accuracy.value' }).waitFor();
    await page.locator('[data-step=Register]').click();
    await page.getByRole('link', { name: 'breast-cancer/1' }).click();
    await page.locator('.panel .title', { hasText: 'PendingManualApproval' }).waitFor();
    await page.locator('dt', { hasText: 'metrics.accuracy.value' }).waitFor();

    await cli('approve', 'breast-cancer/1', '--reason', `looked at it ${MARKUP}`);
    await page.locator('.panel .title', { hasText: 'Approved' }).waitFor(); // by itself
    await page.getByText(`looked at it ${MARKUP}`).waitFor();

    await page.locator('nav').getByRole('link', { name: 'Endpoints' }).click();
    const deploying = cli('deploy', 'breast-cancer/1', '--endpoint', 'tumour');
    await page.getByRole('link', { name: 'tumour' }).click();
    await page.locator('.panel .title', { hasText: 'InService' }).waitFor();
    await deploying;
    await page.fill('#body', ROW);
    await page.getByRole('button', { name: 'Predict' }).click();
    const answer = page.locator('#answer pre[data-status="200"]');
    const score = Number(await answer.innerText());
    assert.ok(score > 0 && score < 1, String(score));
    assert.match(await page.locator('.answer-head').innerText(), /^HTTP 200 · text\/csv.* · variant AllTraffic · [\d.]+ ms$/);
    await page.fill('#body', 'a,b,c');
    await page.locator('#body').press('Control+Enter');
    await page.locator('#answer pre[data-status="424"]').waitFor();
    assert.match(await page.locator('.answer-head').innerText(), /ModelError/);
  });

  watch('a version that waits is shown beside the one that serves, and decided there', async ({ page, go }) => {
    const connection = await connect(server.folder);
    const metrics = JSON.stringify({ metrics: { accuracy: { value: 0.5 }, note: MARKUP } });
    await putObject(connection, BUCKET, 'candidate/evaluation.json', Buffer.from(metrics));
    const { ModelPackageArn } = await callJson(connection, 'sagemaker:CreateModelPackage', {
      ModelPackageGroupName: 'breast-cancer',
      ModelApprovalStatus: 'PendingManualApproval',
      ModelMetrics: {
        ModelQuality: { Statistics: { ContentType: 'application/json', S3Uri: `s3://${BUCKET}/candidate/evaluation.json` } },
      },
    } as Parameters<typeof callJson<'sagemaker:CreateModelPackage'>>[2]);
    await go(`#/models/${ModelPackageArn}`);
    await page.locator('.comparison').getByText('Serving now').waitFor();
    await page.locator('.comparison').getByRole('link', { name: 'tumour' }).waitFor();
    const row = page.locator('.comparison tr', { hasText: 'metrics.accuracy.value' }).locator('.number');
    const [own, served, difference] = (await row.allInnerTexts()).map(Number);
    assert.equal(own, 0.5);
    assert.ok(served !== undefined && served > 0.5);
    assert.equal(difference, Number((0.5 - served).toPrecision(4)));
    await page.locator('.panel textarea').fill(`worse ${MARKUP}`);
    await page.getByRole('button', { name: 'Reject', exact: true }).click();
    await page.locator('.panel .title', { hasText: 'Rejected' }).waitFor();
    await page.locator('dd', { hasText: `worse ${MARKUP}` }).waitFor();
    assert.equal(await page.locator('main :is(img, script, b)').count(), 0);
    await page.getByText('Decide otherwise…').click();
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await page.locator('.panel .title', { hasText: 'Approved' }).waitFor();
    await go('#/endpoints/tumour');
    await page.fill('#body', 'a,b,c');
  });

  watch('a server that goes away is said, and found again', async ({ page }) => {
    await server.kill9();
    await page.getByText('The server does not answer').waitFor();
    await page.locator('.panel .title', { hasText: 'tumour' }).waitFor(); // what was known stays
    await page.getByRole('button', { name: 'Predict' }).click();
    await page.locator('#answer .reason', { hasText: 'does not answer' }).waitFor();
    server = await startServer({ folder: server.folder });
    await page.locator('#banner').waitFor({ state: 'hidden' });
    assert.equal(await page.locator('#body').inputValue(), 'a,b,c');
    await page.fill('#body', ROW);
    await page.getByRole('button', { name: 'Predict' }).click();
    await page.locator('#answer pre[data-status="200"]').waitFor();
  });

  watch('a session that is over is said', async ({ page }) => {
    await page.context().clearCookies();
    await page.getByText('Signed out').waitFor();
    await page.getByText('npx slipway ui').waitFor();
  });

  test('nothing went wrong on the page in all of it', () => {
    assert.deepEqual(watched.faults, []);
  });
});
