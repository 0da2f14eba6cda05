import { createHash } from 'node:crypto';
import { type Act, fact, json, outcomeOf, putObject } from './act.ts';
import { FUNCTION_CODE } from './acts-neighbours.ts';
import { definition, queueUrl, token } from './acts-pipelines.ts';
import { iam, lambda, s3, sagemaker, secrets, sqs, ssm } from './call.ts';
import { ACCOUNT, BUCKET, ROLE } from './workload.ts';

/** What is seldom changed in each service, and what goes away with it. */

const FAIL = definition([{ Name: 'Stop', Type: 'Fail', Arguments: { ErrorMessage: 'as told' } }]);

export const records: Act = {
  name: 'records',
  async play(client, label) {
    const PipelineName = label;
    const look = sagemaker('DescribePipeline', { PipelineName });
    const made = { PipelineName, RoleArn: ROLE, PipelineDefinition: FAIL, ClientRequestToken: token(label) };
    await client.change(sagemaker('CreatePipeline', made), fact(`pipeline ${label}`, look));
    const update = sagemaker('UpdatePipeline', { PipelineName, PipelineDescription: 'changed' });
    await client.change(update, fact(`pipeline ${label}`, look, { PipelineDescription: 'changed' }));
    const remove = sagemaker('DeletePipeline', { PipelineName, ClientRequestToken: token(`delete-${label}`) });
    await client.change(remove, fact(`pipeline ${label}`, look, 'gone'));
    const NotebookInstanceName = label;
    const notebook = sagemaker('DescribeNotebookInstance', { NotebookInstanceName });
    const lab = { NotebookInstanceName, InstanceType: 'ml.t3.medium', RoleArn: ROLE };
    await client.change(sagemaker('CreateNotebookInstance', lab), fact(`notebook ${label}`, notebook));
    const setUp = { NotebookInstanceLifecycleConfigName: label };
    const lookAtSetUp = sagemaker('DescribeNotebookInstanceLifecycleConfig', setUp);
    await client.change(sagemaker('CreateNotebookInstanceLifecycleConfig', setUp), fact(`set-up ${label}`, lookAtSetUp));
    const gone = fact(`set-up ${label}`, lookAtSetUp, 'gone');
    await client.change(sagemaker('DeleteNotebookInstanceLifecycleConfig', setUp), gone);
  },
  look: async (client, label) => ({
    pipeline: await outcomeOf(client.ask(sagemaker('DescribePipeline', { PipelineName: label }))),
    notebook: await json(client.ask(sagemaker('DescribeNotebookInstance', { NotebookInstanceName: label }))),
    setUp: await outcomeOf(
      client.ask(sagemaker('DescribeNotebookInstanceLifecycleConfig', { NotebookInstanceLifecycleConfigName: label })),
    ),
  }),
};

export const settings: Act = {
  name: 'settings',
  async play(client, label) {
    const QueueUrl = queueUrl(client, label);
    const queue = sqs('GetQueueAttributes', { QueueUrl, AttributeNames: ['VisibilityTimeout'] });
    await client.change(sqs('CreateQueue', { QueueName: label }), fact(`queue ${label}`, queue));
    await client.change(sqs('SendMessage', { QueueUrl, MessageBody: 'x' }), fact(`message of ${label}`, queue));
    const { json: page } = await client.until(
      sqs('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 1, VisibilityTimeout: 1 }),
      (answer) => Boolean(answer.json.Messages?.length),
    );
    const hide = { QueueUrl, ReceiptHandle: page.Messages[0].ReceiptHandle, VisibilityTimeout: 0 };
    await client.change(sqs('ChangeMessageVisibility', hide), fact(`visibility of ${label}`, queue)).catch(() => undefined); // too late
    const Attributes = { VisibilityTimeout: '77' };
    await client.change(sqs('SetQueueAttributes', { QueueUrl, Attributes }), fact(`queue ${label}`, queue, { Attributes }));
    await client.change(sqs('PurgeQueue', { QueueUrl }), fact(`purge of ${label}`, queue));
    const Name = `/settings/${label}`;
    const parameter = ssm('GetParameter', { Name: `${Name}:good` });
    await client.change(
      ssm('PutParameter', { Name, Value: 'v', Type: 'SecureString' }),
      fact(`parameter ${Name}`, ssm('GetParameter', { Name })),
    );
    const labelled = ssm('LabelParameterVersion', { Name, ParameterVersion: 1, Labels: ['good'] });
    await client.change(labelled, fact(`label of ${Name}`, parameter));
    const SecretId = label;
    await client.change(
      secrets('CreateSecret', { Name: label, SecretString: 's', ClientRequestToken: token(label) }),
      fact(`secret ${label}`, secrets('DescribeSecret', { SecretId })),
    );
    const Tags = [{ Key: 'k', Value: 'v' }];
    await client.change(
      secrets('TagResource', { SecretId, Tags }),
      fact(`secret ${label}`, secrets('DescribeSecret', { SecretId }), { Tags }),
    );
    await client.change(
      secrets('DeleteSecret', { SecretId, ForceDeleteWithoutRecovery: true }),
      fact(`secret ${label}`, secrets('GetSecretValue', { SecretId }), 'gone'),
    );
    const user = { UserName: label };
    await client.change(iam('CreateUser', user), fact(`user ${label}`, iam('GetUser', user)));
    const group = { GroupName: label };
    await client.change(iam('CreateGroup', group), fact(`group ${label}`, iam('GetGroup', group)));
    await client.change(iam('AddUserToGroup', { ...user, ...group }), fact(`member ${label}`, iam('ListGroupsForUser', user)));
    const PolicyDocument = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
    });
    const PolicyArn = `arn:aws:iam::${ACCOUNT}:policy/${label}`;
    const lookAtPolicy = iam('GetPolicy', { PolicyArn });
    await client.change(iam('CreatePolicy', { PolicyName: label, PolicyDocument }), fact(`policy ${label}`, lookAtPolicy));
    const attached = iam('ListAttachedGroupPolicies', group);
    await client.change(iam('AttachGroupPolicy', { ...group, PolicyArn }), fact(`attached ${label}`, attached));
  },
  look: async (client, label) => ({
    queue: await json(
      client.ask(sqs('GetQueueAttributes', { QueueUrl: queueUrl(client, label), AttributeNames: ['VisibilityTimeout'] })),
    ),
    secret: await outcomeOf(client.ask(secrets('DescribeSecret', { SecretId: label }))),
    groups: (await client.ask(iam('ListGroupsForUser', { UserName: label }))).text.match(/<GroupName>.*?<\/GroupName>/g),
    policies: (await client.ask(iam('ListAttachedGroupPolicies', { GroupName: label }))).text.match(
      /<PolicyName>.*?<\/PolicyName>/g,
    ),
  }),
};

const md5 = (text: string): string => createHash('md5').update(text).digest('base64');

export const code: Act = {
  name: 'code',
  async play(client, label) {
    const at = `/functions/${label}`;
    const look = lambda('GET', at);
    const made = {
      FunctionName: label,
      Runtime: 'python3.11',
      Role: ROLE,
      Handler: 'app.handler',
      Code: { ZipFile: FUNCTION_CODE },
    };
    await client.change(lambda('POST', '/functions', made), fact(`function ${label}`, look));
    await client.until(look, ({ json: found }) => found.Configuration.State === 'Active');
    const ready = () =>
      client.until(look, ({ json: found }) => [undefined, 'Successful'].includes(found.Configuration.LastUpdateStatus));
    await client.change(
      lambda('PUT', `${at}/configuration`, { Timeout: 9 }),
      fact(`function ${label}`, look, { Configuration: { Timeout: 9 } }),
    );
    await ready();
    await client.change(lambda('PUT', `${at}/code`, { ZipFile: FUNCTION_CODE, Publish: true }), fact(`code of ${label}`, look));
    await ready();
    const statement = { StatementId: 's', Action: 'lambda:InvokeFunction', Principal: 's3.amazonaws.com' };
    await client.change(lambda('POST', `${at}/policy`, statement), fact(`permission of ${label}`, lambda('GET', `${at}/policy`)));
    await client.change(
      lambda('DELETE', `${at}/policy/s`),
      fact(`permission of ${label}`, lambda('GET', `${at}/policy`), 'gone'),
    );
    const tags = lambda('POST', `/tags/arn:aws:lambda:us-east-1:${ACCOUNT}:function:${label}`, { Tags: { k: 'v' } });
    await client.change(
      { ...tags, path: tags.path.replace('2015-03-31', '2017-03-31') },
      fact(`tags of ${label}`, look, { Tags: { k: 'v' } }),
    );
    const places = ['x', 'y'].map((name) => `acts/${label}/${name}`);
    for (const key of places) await putObject(client, key, `of ${label}`);
    const body = `<Delete>${places.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`;
    const gone = fact(`object ${places[0]}`, s3('GET', `/${BUCKET}/${places[0]}`), 'gone');
    for (const key of places) client.forget(`object ${key}`);
    await client.change(s3('POST', `/${BUCKET}?delete`, body, { 'content-md5': md5(body) }), gone);
  },
  async look(client, label) {
    const { Configuration, Tags } = (await json(client.ask(lambda('GET', `/functions/${label}`)))) as {
      Configuration: { Timeout: number; State: string };
      Tags: object;
    };
    const objects = await client.ask(s3('GET', `/${BUCKET}?list-type=2&prefix=acts/${label}/`));
    return {
      function: [Configuration.Timeout, Configuration.State, Tags],
      policy: await outcomeOf(client.ask(lambda('GET', `/functions/${label}/policy`))),
      objects: objects.text.match(/<Key>/g),
    };
  },
};
