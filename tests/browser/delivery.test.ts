import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { callJson, putObject } from '../../src/cli/client.ts';
import { connect, type Connection } from '../../src/cli/connection.ts';
import { uiLink } from '../../src/cli/verbs/ui.ts';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { BUCKET, ROLE } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { findChromium, launch } from './chromium.ts';
import { action, buildAction, commit, createDelivery, createProject, createRepository, sourceStage } from './delivery-setup.ts';
import { type Gate, openGate } from './gate.ts';
import { watchPage, type WatchedPage } from './watched-page.ts';

const MARKUP = '<img src=x onerror="alert(1)"><script>alert(2)</script>';
const JUNIT = `<testsuite name="unit" tests="2" failures="1">
<testcase classname="tests.test_train" name="test_loss" time="0.2"/>
<testcase classname="tests.test_train" name="test_&lt;b&gt;auc&lt;/b&gt;" time="0.1"><failure message="0.8 &lt;i&gt;below&lt;/i&gt;">AssertionError</failure></testcase>
</testsuite>`;
/** The page's markup must never grow by what others wrote. */
const FOREIGN = 'main :is(img, script, b, i, iframe, object)';

const READER = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: ['codepipeline:Get*', 'codepipeline:List*', 'sagemaker:List*', 'sagemaker:Describe*'],
      Resource: '*',
    },
  ],
};

const chromium = findChromium();

suite('deliveries on the page in Chromium', { skip: 'absent' in chromium ? chromium.absent : false }, () => {
  let server: TestServer;
  let connection: Connection;
  let browser: Browser;
  let watched: WatchedPage;
  let gate: Gate;

  const watch = (name: string, body: (seen: WatchedPage) => Promise<void>): void => {
    test(name, () => watched.see(name, () => body(watched)));
  };
  const actionBox = (stage: string, name: string, status?: string) =>
    watched.page.locator(`[data-stage=${stage}] [data-action=${name}]${status ? `[data-status=${status}]` : ''}`);
  const deed = (name: string) => watched.page.locator(`[data-deed="${name}"]`);
  const panel = (): ReturnType<Page['locator']> => watched.page.locator('.panel');
  /** Waits until the pipeline itself is shown: the page before it has the same buttons. */
  const openDelivery = async (name: string, choices = ''): Promise<void> => {
    await watched.go(`#/delivery/${name}${choices}`);
    await watched.page.locator('h1', { hasText: `/ ${name} ` }).waitFor();
  };
  const noForeignMarkup = async (): Promise<void> => assert.equal(await watched.page.locator(FOREIGN).count(), 0);

  before(async () => {
    [server, gate] = await Promise.all([startServer(), openGate()]);
    connection = await connect(server.folder);
    browser = await launch('path' in chromium ? chromium.path : '');
    watched = await watchPage(browser, server);
  });
  after(async () => {
    gate?.close();
    await browser?.close();
    await server?.stop();
    rmSync(server?.folder ?? '/nowhere', { recursive: true, force: true });
  });

  watch('an empty server says how to begin', async ({ page, go }) => {
    for (const [hash, text] of [
      ['#/delivery', 'No delivery pipeline yet'],
      ['#/builds', 'No build project yet'],
      ['#/repositories', 'No repository yet'],
      ['#/automation', 'No rule yet'],
    ] as const) {
      await go(hash);
      await page.getByText(text).waitFor();
    }
    await page.getByText('No schedule yet').waitFor();
  });

  watch(
    'a delivery that waits for approval is found, read and approved with a comment; the next stage runs',
    async ({ page, go }) => {
      await createRepository(connection, 'demo', `holds ${MARKUP}`);
      await commit(connection, 'demo', `Train longer ${MARKUP}\n\nThe loss still fell.`, { 'README.md': 'demo' });
      const waits = `python3 -c "import urllib.request as u; print('at the gate <b>'); u.urlopen('${gate.url}').read()"`;
      await createProject(
        connection,
        'demo-release',
        `version: 0.2\nphases:\n  build:\n    commands:\n      - ${JSON.stringify(waits)}\n`,
      );
      const external = 'javascript:alert(3)';
      await createDelivery(connection, 'demo', [
        sourceStage('demo'),
        {
          name: 'Approval',
          actions: [
            action('Confirm', 'Approval', 'Manual', {
              CustomData: `Release #{SourceVariables.CommitId}? ${MARKUP}`,
              ExternalEntityLink: external,
            }),
          ],
        },
        { name: 'Production', actions: [buildAction('Deploy', 'demo-release')] },
      ]);

      await go('#/delivery');
      await page.getByRole('link', { name: 'Review Approval / Confirm' }).click();
      await panel()
        .getByText('? ' + MARKUP)
        .waitFor();
      await panel().getByText(`Train longer ${MARKUP}`).waitFor();
      await panel().getByText(external).waitFor();
      assert.equal(await page.locator('a[href^="javascript:"]').count(), 0);
      await noForeignMarkup();
      assert.equal(await actionBox('Production', 'Deploy').getAttribute('data-status'), '');

      await panel().getByRole('textbox').fill(`Looked at it ${MARKUP}`);
      await deed('Approve').click();
      await actionBox('Approval', 'Confirm', 'Succeeded').waitFor();
      await actionBox('Production', 'Deploy', 'InProgress').waitFor();
      await panel()
        .locator('dd', { hasText: `Looked at it ${MARKUP}` })
        .waitFor();
      await panel().locator('dd', { hasText: 'arn:aws:iam::123456789012:user/admin' }).waitFor();
      assert.equal(await deed('Approve').count(), 0);

      await actionBox('Production', 'Deploy').click();
      await panel().locator('pre.log', { hasText: 'at the gate <b>' }).waitFor(); // while it runs
      gate.release();
      await actionBox('Production', 'Deploy', 'Succeeded').waitFor();
      await page.locator('h1 .status', { hasText: 'Succeeded' }).waitFor();
      await noForeignMarkup();
    },
  );

  watch('a change is released by hand, rejected, tried again and stopped', async ({ page }) => {
    await openDelivery('demo');
    await deed('Release change').click();
    await actionBox('Approval', 'Confirm', 'InProgress').click();
    await panel().getByRole('textbox').fill('Not <b>now</b>');
    await deed('Reject').click();
    await actionBox('Approval', 'Confirm', 'Failed').waitFor();
    await panel().locator('.reason', { hasText: 'Not <b>now</b>' }).waitFor();
    await page.locator('h1 .status', { hasText: 'Failed' }).waitFor();
    await noForeignMarkup();

    await page.locator('[data-stage=Approval] h2 a').click();
    await deed('Retry failed actions').click();
    await actionBox('Approval', 'Confirm', 'InProgress').waitFor();
    await page.locator('[data-stage=Approval] p.sub a').click();
    await panel().getByText('Stop…').click();
    await panel().getByLabel('Reason').fill('enough');
    await panel().locator('[data-deed="Stop and abandon"]').click();
    await page.locator('.panel h2 .status', { hasText: 'Stopped' }).waitFor();
    await panel().locator('dd', { hasText: 'enough' }).waitFor();
    // both attempts at the approval are there
    assert.deepEqual(await panel().locator('tr', { hasText: 'Confirm' }).locator('.status').allInnerTexts(), [
      'Failed',
      'Abandoned',
    ]);
  });

  watch('a closed transition holds an execution back until it is opened', async ({ page }) => {
    await openDelivery('demo');
    await page.locator('[data-transition=Production]').click();
    await deed('Disable transition').click(); // needs a reason
    assert.equal(await page.locator('[data-transition=Production]').getAttribute('data-enabled'), 'true');
    await panel().getByLabel('Reason').fill('nothing on Fridays');
    await deed('Disable transition').click();
    await page.locator('[data-transition=Production][data-enabled=false]').waitFor();
    await panel().locator('dd', { hasText: 'nothing on Fridays' }).waitFor();

    await deed('Release change').click();
    await actionBox('Approval', 'Confirm', 'InProgress').click();
    await deed('Approve').click(); // a comment is not needed
    await page.locator('[data-transition=Production]', { hasText: '1 waiting' }).click();
    await deed('Enable transition').click();
    await page.locator('[data-transition=Production][data-enabled=true]').waitFor();
    await page.locator('h1 .status', { hasText: 'Succeeded' }).waitFor();
  });

  watch('a stage is rolled back to what got through it before', async ({ page }) => {
    await openDelivery('demo', '?stage=Production');
    await page.locator('[data-deed^="Roll back to"]').first().click();
    await page.locator('section.card tr', { hasText: 'ManualRollback' }).getByText('rollback', { exact: true }).waitFor();
    await page.locator('tr', { hasText: 'ManualRollback' }).locator('.status', { hasText: 'Succeeded' }).waitFor();
  });

  watch('the link of a message leads through the sign-in to the request; alone it decides nothing', async ({ page }) => {
    await openDelivery('demo');
    await deed('Release change').click();
    await actionBox('Approval', 'Confirm', 'InProgress').waitFor();
    const stateOf = async () => {
      const { stageStates = [] } = await callJson(connection, 'codepipeline:GetPipelineState', { name: 'demo' });
      return stageStates[1]?.actionStates?.[0]?.latestExecution;
    };
    const link = `${server.url}/_slipway/ui/#/delivery/demo/Approval/Confirm/approve/${(await stateOf())?.actionExecutionId}`;

    const other = await (await browser.newContext()).newPage();
    await other.goto(link);
    await other.getByText('This page opens with a one-time link').waitFor();
    assert.equal((await stateOf())?.status, 'InProgress');
    const tab = await other.context().newPage(); // as a terminal opens it
    await tab.goto(uiLink(connection).href);
    await tab.locator('.panel h2', { hasText: 'Approval / Confirm' }).waitFor();
    assert.equal((await stateOf())?.status, 'InProgress');
    await tab.locator('[data-deed=Approve]').waitFor();
    await other.context().close();

    // from a foreign page, such as webmail: the session's cookie is not sent with the click itself
    const mail = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<a href="${link}">Review</a>`);
    });
    await new Promise<void>((listening) => mail.listen(0, '127.0.0.1', listening));
    try {
      await page.goto(`http://localhost:${(mail.address() as AddressInfo).port}/`);
      await page.getByRole('link', { name: 'Review' }).click();
      await page.locator('.panel h2', { hasText: 'Approval / Confirm' }).waitFor();
      await deed('Reject').click();
      await actionBox('Approval', 'Confirm', 'Failed').waitFor();
    } finally {
      mail.close();
      mail.closeAllConnections();
    }

    // the address stays that of this very request, also when another has followed
    await deed('Release change').click();
    await actionBox('Approval', 'Confirm', 'InProgress').waitFor();
    await page.reload();
    await page.locator('.panel h2 .status', { hasText: 'Failed' }).waitFor();
    assert.equal(await deed('Approve').count(), 0);
  });

  watch('whoever may not approve hears it in the words of AWS, and nothing happens', async () => {
    const aws = new AwsClient(optionsOf(server));
    await aws.query('iam', { Action: 'CreateUser', UserName: 'reader' });
    await aws.query('iam', {
      Action: 'PutUserPolicy',
      UserName: 'reader',
      PolicyName: 'reads',
      PolicyDocument: JSON.stringify(READER),
    });
    const made = await aws.query('iam', { Action: 'CreateAccessKey', UserName: 'reader' });
    const part = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(made)?.[1] ?? '';
    const page = await (await browser.newContext()).newPage();
    const reader = { ...connection, accessKeyId: part('AccessKeyId'), secretAccessKey: part('SecretAccessKey') };
    await page.goto(uiLink(reader).href);
    await page.waitForSelector('nav a[aria-current]');
    await page.goto(`${page.url().split('#')[0]}#/delivery/demo?stage=Approval&action=Confirm`);
    await page.locator('[data-deed=Approve]').click();
    const refusal = page.locator('.deed-answer .reason', { hasText: 'AccessDeniedException' });
    await refusal.waitFor();
    assert.match(
      await refusal.innerText(),
      /User: arn:aws:iam::123456789012:user\/reader is not authorized to perform: codepipeline:PutApprovalResult/,
    );
    await page.locator('[data-action=Confirm][data-status=InProgress]').waitFor();
    await page.goto(`${page.url().split('#')[0]}#/builds`);
    await page.locator('.reason', { hasText: 'codebuild:ListProjects' }).waitFor();
    await page.context().close();
  });

  watch('a build shows its phases, why it failed, its tests and its log', async ({ page, go }) => {
    const buildspec = [
      'version: 0.2',
      'env: {exported-variables: [TAG]}',
      'phases:',
      '  build:',
      '    commands:',
      `      - ${JSON.stringify(`export TAG='${MARKUP.replaceAll("'", '')}'; echo "$TAG"`)}`,
      '      - exit 3',
      'reports: {tests: {files: [junit.xml]}}',
    ].join('\n');
    await commit(connection, 'demo', 'Tests', { 'junit.xml': JUNIT });
    await createProject(connection, 'demo-test', buildspec);
    await createDelivery(connection, 'tested', [
      sourceStage('demo'),
      { name: 'Test', actions: [buildAction('Unit', 'demo-test')] },
    ]);
    await openDelivery('tested');
    await actionBox('Test', 'Unit', 'Failed').click();
    await panel()
      .getByRole('link', { name: /^build demo-test:/ })
      .click();
    await page.locator('h1 .status', { hasText: 'FAILED' }).waitFor();
    await page.locator('tr', { hasText: 'BUILD' }).locator('.reason', { hasText: 'COMMAND_EXECUTION_ERROR' }).waitFor();
    await page.locator('dd', { hasText: MARKUP }).waitFor();
    await page.locator('.report summary', { hasText: '2 tests' }).waitFor();
    await page.locator('.report tr', { hasText: 'test_<b>auc</b>' }).getByText('0.8 <i>below</i>').waitFor();
    await page.locator('pre.log', { hasText: MARKUP }).waitFor();
    await noForeignMarkup();
    await page.getByRole('link', { name: 'codepipeline/tested' }).click();
    await page.locator('h1', { hasText: 'tested' }).waitFor();
    await go('#/builds');
    await page.locator('tr', { hasText: 'demo-test' }).locator('.status', { hasText: 'FAILED' }).waitFor();

    await callJson(connection, 'codebuild:CreateProject', {
      name: 'endless',
      source: { type: 'NO_SOURCE', buildspec: 'version: 0.2\nphases: {build: {commands: [echo begun, sleep 600]}}' },
      artifacts: { type: 'NO_ARTIFACTS' },
      environment: { type: 'LINUX_CONTAINER', image: 'aws/codebuild/standard:7.0', computeType: 'BUILD_GENERAL1_SMALL' },
      serviceRole: ROLE,
    });
    const { build } = await callJson(connection, 'codebuild:StartBuild', { projectName: 'endless' });
    await go(`#/build/${build?.id}`);
    await page.locator('pre.log', { hasText: 'Running command sleep 600' }).waitFor();
    await deed('Stop build').click();
    await page.locator('h1 .status', { hasText: 'STOPPED' }).waitFor();
    await deed('Retry build').click();
    await page.locator('h1', { hasText: 'build 2' }).waitFor();
    await deed('Stop build').click();
    await page.locator('h1 .status', { hasText: 'STOPPED' }).waitFor();
  });

  watch('a request about a version shows its metrics; variables can be given by hand', async ({ page }) => {
    await callJson(connection, 'sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: 'candidates' });
    const arns: string[] = [];
    for (const value of [0.7, 0.9]) {
      const key = `metrics/${value}.json`;
      await putObject(connection, BUCKET, key, Buffer.from(JSON.stringify({ [MARKUP]: 1, metrics: { auc: { value } } })));
      const { ModelPackageArn = '' } = await callJson(connection, 'sagemaker:CreateModelPackage', {
        ModelPackageGroupName: 'candidates',
        ModelMetrics: { ModelQuality: { Statistics: { ContentType: 'application/json', S3Uri: `s3://${BUCKET}/${key}` } } },
      } as Parameters<typeof callJson<'sagemaker:CreateModelPackage'>>[2]);
      arns.push(ModelPackageArn);
    }
    const [first = '', second = ''] = arns;
    const confirm = action('Confirm', 'Approval', 'Manual', { CustomData: 'Serve #{variables.ModelPackageArn}?' });
    await createDelivery(
      connection,
      'release',
      [sourceStage('demo'), { name: 'Approval', actions: [confirm] }],
      [{ name: 'ModelPackageArn', defaultValue: first }],
    );
    await openDelivery('release', '?stage=Approval&action=Confirm');
    const auc = panel().locator('.comparison tr', { hasText: 'metrics.auc.value' }).locator('.number').first();
    await auc.getByText('0.7', { exact: true }).waitFor();
    await panel().getByText(MARKUP).waitFor();
    await panel().getByRole('link', { name: 'candidates/1' }).waitFor();
    await deed('Reject').click();
    await actionBox('Approval', 'Confirm', 'Failed').waitFor();

    await page.getByText('Release change…').click();
    const variable = page.getByLabel('ModelPackageArn');
    assert.equal(await variable.inputValue(), first);
    await variable.fill(second);
    await deed('Release change').click();
    await auc.getByText('0.9', { exact: true }).waitFor();
    await actionBox('Approval', 'Confirm', 'InProgress').waitFor();
    await noForeignMarkup();
  });

  watch('requests of executions side by side come up one after the other', async ({ page }) => {
    const ask = action('Ask', 'Approval', 'Manual', { CustomData: 'one of two' });
    await createDelivery(connection, 'side-by-side', [sourceStage('demo'), { name: 'Approval', actions: [ask] }], [], 'PARALLEL');
    await openDelivery('side-by-side');
    await deed('Release change').click();
    await page.locator('[data-key=history] tbody tr').nth(1).waitFor();
    const ids = await page.locator('[data-key=history] tbody tr td:first-child a').allInnerTexts();
    await actionBox('Approval', 'Ask', 'InProgress').click();
    for (const id of ids) {
      await panel().locator('dd', { hasText: id }).waitFor();
      await deed('Approve').click();
      await page.locator('[data-key=history] tr', { hasText: id }).locator('.status', { hasText: 'Succeeded' }).waitFor();
    }
    assert.equal(ids.length, 2);
  });

  watch('a repository shows branches, commits and how to clone it; rules show what they start', async ({ page, go }) => {
    await go('#/repositories/demo');
    await panel().getByText(`git clone ${server.url}/_slipway/git/demo`).waitFor();
    await panel().getByText(`holds ${MARKUP}`).waitFor();
    await panel().getByRole('link', { name: 'main' }).waitFor();
    const first = panel().locator('tr', { hasText: `Train longer ${MARKUP}` });
    await first.getByRole('link').click();
    await panel().getByText('The loss still fell.').waitFor(); // the whole message of the one that is chosen
    await noForeignMarkup();

    await callJson(connection, 'events:PutRule', {
      Name: 'push',
      Description: `starts ${MARKUP}`,
      EventPattern: JSON.stringify({ source: ['aws.codecommit'], 'detail-type': ['CodeCommit Repository State Change'] }),
    });
    const Arn = 'arn:aws:codepipeline:us-east-1:123456789012:demo';
    const RoleArn = 'arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole';
    await callJson(connection, 'events:PutTargets', { Rule: 'push', Targets: [{ Id: '1', Arn, RoleArn }] });
    await go('#/automation');
    const rule = page.locator('tr', { hasText: `starts ${MARKUP}` });
    await rule.getByText('aws.codecommit: CodeCommit Repository State Change').waitFor();
    await rule.getByRole('link', { name: 'demo' }).click();
    await page.locator('h1', { hasText: 'demo' }).waitFor();
    await noForeignMarkup();
  });

  test('nothing went wrong on the page in all of it', () => {
    assert.deepEqual(watched.faults, []);
  });
});
