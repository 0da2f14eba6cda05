import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { callJson, callQuery, putObject } from '../../src/cli/client.ts';
import { connect, type Connection } from '../../src/cli/connection.ts';
import { slipway } from '../harness/cli.ts';
import { type Mails, receiveMail } from '../harness/mail.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const PACKAGE = 'arn:aws:sagemaker:us-east-1:123456789012:model-package/tumour/1';

suite('a version that waits is told by e-mail', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-mail-'));
  let mails: Mails;
  let server: TestServer;
  let connection: Connection;

  before(async () => {
    mails = await receiveMail();
    server = await startServer({ settings: `mail: { host: 127.0.0.1, port: ${mails.port}, from: slipway@example.com }\n` });
    connection = await connect(server.folder);
    const made = await slipway(['init', join(scratch, 'tumour'), '--template', 'codepipeline'], { env: server.env });
    assert.equal(made.code, 0, made.stderr);
  });
  after(async () => {
    await server.stop();
    mails.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  test('the link of the mail opens the page, which asks who it is, and approves nothing', async () => {
    const TopicArn = 'arn:aws:sns:us-east-1:123456789012:tumour-approvals';
    await callQuery(connection, 'sns', { Action: 'Subscribe', TopicArn, Protocol: 'email', Endpoint: 'ann@example.com' });
    const confirm = /http:\S+confirm\S+/.exec(await mails.waitFor('To confirm this subscription'))?.[0] ?? '';
    assert.equal((await fetch(confirm, { method: 'POST' })).status, 200);
    await register();
    const mail = await mails.waitFor('waits for approval');
    assert.match(mail, /Version 1 of tumour waits for approval/);
    const link = /http:\S+\/_slipway\/ui#\/models\/\S+/.exec(mail)?.[0] ?? '';
    assert.equal(link, `${server.url}/_slipway/ui#/models/${PACKAGE}`);
    const page = await fetch(link, { headers: { accept: 'text/html' } });
    assert.equal(page.status, 401);
    assert.match(await page.text(), /sign in/i);
    const { ModelApprovalStatus } = await callJson(connection, 'sagemaker:DescribeModelPackage', { ModelPackageName: PACKAGE });
    assert.equal(ModelApprovalStatus, 'PendingManualApproval');
  });

  async function register(): Promise<void> {
    const bucket = 'sagemaker-us-east-1-123456789012';
    await putObject(connection, bucket, 'model.tar.gz', Buffer.from('a model'));
    const container = {
      Image: '683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1',
      ModelDataUrl: `s3://${bucket}/model.tar.gz`,
    };
    await callJson(connection, 'sagemaker:CreateModelPackage', {
      ModelPackageGroupName: 'tumour',
      ModelApprovalStatus: 'PendingManualApproval',
      InferenceSpecification: {
        Containers: [container],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    });
  }
});
