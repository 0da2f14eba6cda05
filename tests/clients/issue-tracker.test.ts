import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { callJson, callQuery, putObject } from '../../src/cli/client.ts';
import { connect, type Connection } from '../../src/cli/connection.ts';
import { startServer, type TestServer } from '../harness/server.ts';

const SECRET = 'a secret that both sides know';
const ACCOUNT = '123456789012';

interface Created {
  readonly authorization: string;
  readonly path: string;
  readonly body: { fields: { summary: string; description: string; project: { key: string } } };
}

/**
 * A FAKE of Jira: answers `POST /rest/api/2/issue` as Jira Cloud's documentation shows it, and sends nothing by itself. No Jira was asked;
 * the test plays its webhook in the documented shape.
 */
async function fakeJira(): Promise<{ url: string; created: Promise<Created>; server: Server }> {
  const told = Promise.withResolvers<Created>();
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { authorization = '' } = request.headers;
      told.resolve({ authorization, path: request.url ?? '', body: JSON.parse(body) as Created['body'] });
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ id: '10012', key: 'MOD-12', self: 'http://jira.example/rest/api/2/issue/10012' }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, created: told.promise, server };
}

suite('approval by an issue tracker (a fake with the shapes of Jira)', () => {
  let server: TestServer;
  let connection: Connection;
  let jira: Awaited<ReturnType<typeof fakeJira>>;

  before(async () => {
    jira = await fakeJira();
    server = await startServer({
      settings: `reviews:\n  tracker: { role: reviewer, secret: '${SECRET}', approved: [Approved] }\n`,
    });
    connection = await connect(server.folder);
    const trust = {
      Effect: 'Allow',
      Principal: { Service: ['apigateway.amazonaws.com', 'events.amazonaws.com'] },
      Action: 'sts:AssumeRole',
    };
    await putRole('reviewer', trust, [
      {
        Effect: 'Allow',
        Action: 'sagemaker:*ModelPackage',
        Resource: `arn:aws:sagemaker:us-east-1:${ACCOUNT}:model-package/tumour/*`,
      },
    ]);
    await putRole('teller', trust, [{ Effect: 'Allow', Action: 'events:InvokeApiDestination', Resource: '*' }]);
    await putObject(connection, `sagemaker-us-east-1-${ACCOUNT}`, 'model.tar.gz', Buffer.from('a model'));
  });
  after(async () => {
    await server.stop();
    jira.server.close();
  });

  async function putRole(name: string, trust: object, statements: object[]): Promise<void> {
    const policy = (Statement: object) => JSON.stringify({ Version: '2012-10-17', Statement });
    await callQuery(connection, 'iam', { Action: 'CreateRole', RoleName: name, AssumeRolePolicyDocument: policy(trust) });
    const own = { RoleName: name, PolicyName: 'own', PolicyDocument: policy(statements) };
    await callQuery(connection, 'iam', { Action: 'PutRolePolicy', ...own });
  }

  async function register(group: string): Promise<string> {
    await callJson(connection, 'sagemaker:CreateModelPackageGroup', { ModelPackageGroupName: group }).catch(() => {});
    const { ModelPackageArn = '' } = await callJson(connection, 'sagemaker:CreateModelPackage', {
      ModelPackageGroupName: group,
      ModelApprovalStatus: 'PendingManualApproval',
      InferenceSpecification: {
        Containers: [
          {
            Image: '683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1',
            ModelDataUrl: `s3://sagemaker-us-east-1-${ACCOUNT}/model.tar.gz`,
          },
        ],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    });
    return ModelPackageArn;
  }

  const statusOf = async (arn: string) => {
    const { ModelApprovalStatus, ApprovalDescription } = await callJson(connection, 'sagemaker:DescribeModelPackage', {
      ModelPackageName: arn,
    });
    return { status: ModelApprovalStatus, description: ApprovalDescription };
  };

  /** Jira's `jira:issue_updated`, signed with the secret unless told otherwise. */
  async function send(arn: string, status: string, { secret = SECRET, hook = 'tracker' } = {}) {
    const body = JSON.stringify({
      timestamp: Date.now(),
      webhookEvent: 'jira:issue_updated',
      issue_event_type_name: 'issue_generic',
      user: { accountId: '5b10', displayName: 'Ada Lovelace', active: true },
      issue: { id: '10012', key: 'MOD-12', fields: { summary: 'A version waits', description: arn, status: { name: status } } },
      changelog: {
        id: '1',
        items: [{ field: 'status', fieldtype: 'jira', from: '1', fromString: 'In Review', to: '2', toString: status }],
      },
    });
    const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    const answer = await fetch(`${server.url}/_slipway/hooks/reviews/${hook}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-hub-signature': signature },
      body,
    });
    return { status: answer.status, text: await answer.text() };
  }

  test('a version that waits becomes an issue: rule, API destination, input transformer', async () => {
    const { ConnectionArn } = await callJson(connection, 'events:CreateConnection', {
      Name: 'jira',
      AuthorizationType: 'BASIC',
      AuthParameters: { BasicAuthParameters: { Username: 'bot@example.com', Password: 'token' } },
    });
    const { ApiDestinationArn = '' } = await callJson(connection, 'events:CreateApiDestination', {
      Name: 'jira-issues',
      ConnectionArn: ConnectionArn ?? '',
      InvocationEndpoint: `${jira.url}/rest/api/2/issue`,
      HttpMethod: 'POST',
    });
    const detail = { ModelPackageGroupName: ['tumour'], ModelApprovalStatus: ['PendingManualApproval'] };
    const pattern = { source: ['aws.sagemaker'], 'detail-type': ['SageMaker Model Package State Change'], detail };
    await callJson(connection, 'events:PutRule', { Name: 'tumour-issue', EventPattern: JSON.stringify(pattern) });
    const fields =
      '"project": {"key": "MOD"}, "issuetype": {"name": "Task"}, "summary": "Approve version <version> of tumour?", "description": "<package>"';
    await callJson(connection, 'events:PutTargets', {
      Rule: 'tumour-issue',
      Targets: [
        {
          Id: 'jira',
          Arn: ApiDestinationArn,
          RoleArn: `arn:aws:iam::${ACCOUNT}:role/teller`,
          InputTransformer: {
            InputPathsMap: { version: '$.detail.ModelPackageVersion', package: '$.detail.ModelPackageArn' },
            InputTemplate: `{"fields": {${fields}}}`,
          },
        },
      ],
    });
    const arn = await register('tumour');
    const { authorization, path, body } = await jira.created;
    assert.equal(path, '/rest/api/2/issue');
    assert.equal(authorization, `Basic ${Buffer.from('bot@example.com:token').toString('base64')}`);
    assert.deepEqual(body.fields.project, { key: 'MOD' });
    assert.equal(body.fields.summary, 'Approve version 1 of tumour?');
    assert.equal(body.fields.description, arn);
  });

  test('a message that is not signed with the secret, or for nobody, decides nothing', async () => {
    const arn = await register('tumour');
    const forged = await send(arn, 'Approved', { secret: 'a guess at the secret' });
    const nobody = await send(arn, 'Approved', { hook: 'constructor' });
    assert.equal(forged.status, 403);
    assert.deepEqual(nobody, forged);
    const unsigned = await fetch(`${server.url}/_slipway/hooks/reviews/tracker`, { method: 'POST', body: '{}' });
    assert.equal(unsigned.status, 403);
    assert.equal((await statusOf(arn)).status, 'PendingManualApproval');
  });

  test('a move to Approved is the registry’s approval, once: sent again, or after another decision, it changes nothing', async () => {
    const arn = await register('tumour');
    assert.equal((await send(arn, 'In Progress')).status, 200);
    assert.equal((await statusOf(arn)).status, 'PendingManualApproval');
    assert.equal((await send(arn, 'Approved')).status, 200);
    assert.deepEqual(await statusOf(arn), { status: 'Approved', description: 'Approved in MOD-12 by Ada Lovelace' });
    assert.match((await send(arn, 'Approved')).text, /is Approved already/);
    await callJson(connection, 'sagemaker:UpdateModelPackage', { ModelPackageArn: arn, ModelApprovalStatus: 'Rejected' });
    assert.equal((await send(arn, 'Approved')).status, 409);
    assert.equal((await statusOf(arn)).status, 'Rejected');
  });

  test('the tracker has the rights of its role, and no others', async () => {
    const arn = await register('other');
    const refused = await send(arn, 'Approved');
    assert.equal(refused.status, 403);
    assert.match(refused.text, /assumed-role\/reviewer\/review-tracker is not authorized/);
    assert.equal((await statusOf(arn)).status, 'PendingManualApproval');
  });
});
