import { gunzipSync } from 'node:zlib';
import { type Act, fact, json, outcomeOf, putObject } from './act.ts';
import { queueUrl } from './acts-pipelines.ts';
import { ecr, s3, sagemaker, sqs } from './call.ts';
import type { Witness } from './witness.ts';
import { ACCOUNT, BUCKET, modelArchive, sha256 } from './workload.ts';

const etagOf = (headers: Readonly<Record<string, unknown>>): string => String(headers['etag']);

async function uploadInParts(client: Witness, key: string, parts: readonly string[]): Promise<void> {
  const path = `/${BUCKET}/${key}`;
  const { text } = await client.ask(s3('POST', `${path}?uploads`));
  const id = encodeURIComponent(/<UploadId>(.*?)<\/UploadId>/.exec(text)?.[1] ?? '');
  const etags: string[] = [];
  for (const [at, part] of parts.entries()) {
    const { headers } = await client.ask(s3('PUT', `${path}?partNumber=${at + 1}&uploadId=${id}`, part));
    etags.push(etagOf(headers));
  }
  const listed = etags.map((etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etag}</ETag></Part>`).join('');
  const complete = s3('POST', `${path}?uploadId=${id}`, `<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`);
  await client.change(complete, fact(`object ${key}`, s3('GET', path), parts.join('')));
}

export const objects: Act = {
  name: 'objects',
  async play(client, label) {
    const key = (name: string) => `acts/${label}/${name}`;
    const at = (name: string) => `/${BUCKET}/${key(name)}`;
    for (const name of ['a', 'b', 'c']) await putObject(client, key(name), `${label} ${name}`);
    await putObject(client, key('a'), `${label} a, again`);
    await client.change(s3('DELETE', at('b')), fact(`object ${key('b')}`, s3('GET', at('b')), 'gone'));
    const copy = s3('PUT', at('copy'), '', { 'x-amz-copy-source': `${BUCKET}/${key('a')}` });
    await client.change(copy, fact(`object ${key('copy')}`, s3('GET', at('copy')), `${label} a, again`));
    const part = 'a part of an object, five megabytes long at least\n'.repeat(110_000);
    await uploadInParts(client, key('parts'), [part, `the end of ${label}`]);
    const { text } = await client.ask(s3('POST', `${at('dropped')}?uploads`));
    const id = encodeURIComponent(/<UploadId>(.*?)<\/UploadId>/.exec(text)?.[1] ?? '');
    await client.ask(s3('PUT', `${at('dropped')}?partNumber=1&uploadId=${id}`, 'x'));
    const abort = s3('DELETE', `${at('dropped')}?uploadId=${id}`);
    await client.change(abort, fact(`object ${key('dropped')}`, s3('GET', at('dropped')), 'gone'));
  },
  async look(client, label) {
    const { text } = await client.ask(s3('GET', `/${BUCKET}?list-type=2&prefix=acts/${label}/`));
    const keys = [...text.matchAll(/<Key>(.*?)<\/Key>.*?<Size>(\d+)<\/Size>/gs)].map(([, key, size]) => `${key} ${size}`);
    const { text: whole } = await client.ask(s3('GET', `/${BUCKET}/acts/${label}/parts`));
    return { keys, whole: sha256(whole.replaceAll(label, 'LABEL')) };
  },
};

/** Of a key's creation, at least once. */
async function heard(client: Witness, QueueUrl: string): Promise<void> {
  for (;;) {
    const { json: page } = await client.ask(sqs('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }));
    if ((page.Messages ?? []).some(({ Body }: { Body: string }) => /ObjectCreated:Put/.test(Body))) return;
  }
}

/** A bucket of its own, with versions, whose changes are told to a queue. */
export const bucket: Act = {
  name: 'bucket',
  async play(client, label) {
    const QueueUrl = queueUrl(client, label);
    const lookAtQueue = sqs('GetQueueUrl', { QueueName: label });
    await client.change(sqs('CreateQueue', { QueueName: label }), fact(`queue ${label}`, lookAtQueue));
    const queueArn = `arn:aws:sqs:us-east-1:${ACCOUNT}:${label}`;
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 's3.amazonaws.com' }, Action: 'sqs:SendMessage', Resource: queueArn }],
    });
    const attributes = sqs('SetQueueAttributes', { QueueUrl, Attributes: { Policy } });
    await client.change(
      attributes,
      fact(`policy of ${label}`, sqs('GetQueueAttributes', { QueueUrl, AttributeNames: ['Policy'] })),
    );
    await client.change(s3('PUT', `/${label}`), fact(`bucket ${label}`, s3('GET', `/${label}?versioning`)));
    const versioning = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    await client.change(
      s3('PUT', `/${label}?versioning`, versioning),
      fact(`versions of ${label}`, s3('GET', `/${label}?versioning`)),
    );
    const notify = `<NotificationConfiguration><QueueConfiguration><Queue>${queueArn}</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>`;
    const lookAtNotification = s3('GET', `/${label}?notification`);
    await client.change(s3('PUT', `/${label}?notification`, notify), fact(`notification of ${label}`, lookAtNotification));
    const at = `/${label}/key`;
    const held = (text: string) => fact(`object ${at}`, s3('GET', at), text);
    await client.change(s3('PUT', at, 'one'), held('one'));
    await client.change(s3('PUT', at, 'two'), held('two'));
    await client.change(s3('DELETE', at), fact(`object ${at}`, s3('GET', at), 'gone'));
    await heard(client, QueueUrl);
  },
  async look(client, label) {
    const { text } = await client.ask(s3('GET', `/${label}?versions`));
    const kinds = [...text.matchAll(/<(Version|DeleteMarker)>.*?<IsLatest>(.*?)<\/IsLatest>/gs)];
    // a put or delete whose answer was lost makes a version more, as in S3
    return {
      kinds: [...new Set(kinds.map(([, kind]) => kind))].sort(),
      latest: kinds.find(([, , isLatest]) => isLatest === 'true')?.[1],
    };
  },
};

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** An image of one layer through ECR's own API. */
export const image: Act = {
  name: 'image',
  async play(client, label) {
    const repositoryName = label;
    const look = ecr('DescribeRepositories', { repositoryNames: [label] });
    await client.change(ecr('CreateRepository', { repositoryName }), fact(`repository ${label}`, look));
    const layer = gunzipSync(await modelArchive('any archive')).toString('latin1');
    const rootfs = { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] };
    const config = JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs });
    for (const content of [config, layer]) {
      const layerDigest = `sha256:${sha256(content)}`;
      const { json: begun } = await client.ask(ecr('InitiateLayerUpload', { repositoryName }));
      const upload = { repositoryName, uploadId: begun.uploadId };
      const part = { partFirstByte: 0, partLastByte: content.length - 1, layerPartBlob: base64(content) };
      const isThere = ecr('BatchCheckLayerAvailability', { repositoryName, layerDigests: [layerDigest] });
      await client.change(ecr('UploadLayerPart', { ...upload, ...part }), fact(`part ${label} ${layerDigest}`, look));
      await client.change(
        ecr('CompleteLayerUpload', { ...upload, layerDigests: [layerDigest] }),
        fact(`layer ${label} ${layerDigest}`, isThere),
      );
    }
    const described = (content: string, mediaType: string) => ({
      mediaType,
      size: content.length,
      digest: `sha256:${sha256(content)}`,
    });
    const imageManifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: described(config, 'application/vnd.oci.image.config.v1+json'),
      layers: [described(layer, 'application/vnd.oci.image.layer.v1.tar')],
    });
    const lookAtImage = ecr('DescribeImages', { repositoryName, imageIds: [{ imageTag: 'v1' }] });
    await client.change(ecr('PutImage', { repositoryName, imageManifest, imageTag: 'v1' }), fact(`image ${label}`, lookAtImage));
    const other = { repositoryName: `${label}-gone` };
    const lookAtOther = ecr('DescribeRepositories', { repositoryNames: [other.repositoryName] });
    await client.change(ecr('CreateRepository', other), fact(`repository ${label}-gone`, lookAtOther));
    await client.change(ecr('DeleteRepository', other), fact(`repository ${label}-gone`, lookAtOther, 'gone'));
  },
  look: async (client, label) => ({
    tags: await json(client.ask(ecr('ListImages', { repositoryName: label }))),
    other: await outcomeOf(client.ask(ecr('DescribeRepositories', { repositoryNames: [`${label}-gone`] }))),
  }),
};

/** Versions approved, refused, tagged and removed. */
export const registry: Act = {
  name: 'registry',
  async play(client, label) {
    const group = { ModelPackageGroupName: label };
    await client.change(
      sagemaker('CreateModelPackageGroup', group),
      fact(`group ${label}`, sagemaker('DescribeModelPackageGroup', group)),
    );
    for (const n of [1, 2, 3]) {
      const ModelPackageArn = `arn:aws:sagemaker:us-east-1:${ACCOUNT}:model-package/${label}/${n}`;
      const look = sagemaker('DescribeModelPackage', { ModelPackageName: ModelPackageArn });
      const request = {
        ...group,
        ModelApprovalStatus: 'PendingManualApproval',
        ClientToken: `named-points-token-${label}-${n}`.padEnd(36, '0'),
        InferenceSpecification: {
          Containers: [{ Image: 'python:3.11', ModelDataUrl: `s3://${BUCKET}/models/first.tar.gz` }],
          SupportedContentTypes: ['text/csv'],
          SupportedResponseMIMETypes: ['text/csv'],
        },
      };
      await client.change(sagemaker('CreateModelPackage', request), fact(`version ${label} ${n}`, look));
      const ModelApprovalStatus = n === 2 ? 'Rejected' : 'Approved';
      const verdict = sagemaker('UpdateModelPackage', { ModelPackageArn, ModelApprovalStatus });
      await client.change(verdict, fact(`version ${label} ${n}`, look, { ModelApprovalStatus }));
      if (n === 3) {
        const remove = sagemaker('DeleteModelPackage', { ModelPackageName: ModelPackageArn });
        await client.change(remove, fact(`version ${label} ${n}`, look, 'gone'));
      }
    }
    const ResourceArn = `arn:aws:sagemaker:us-east-1:${ACCOUNT}:model-package-group/${label}`;
    const tags = sagemaker('ListTags', { ResourceArn });
    await client.change(sagemaker('AddTags', { ResourceArn, Tags: [{ Key: 'a', Value: '1' }] }), fact(`tags ${label}`, tags));
    await client.change(sagemaker('DeleteTags', { ResourceArn, TagKeys: ['a'] }), fact(`tags ${label}`, tags));
  },
  look: async (client, label) => ({
    versions: await json(client.ask(sagemaker('ListModelPackages', { ModelPackageGroupName: label, SortOrder: 'Ascending' }))),
    group: await json(client.ask(sagemaker('DescribeModelPackageGroup', { ModelPackageGroupName: label }))),
  }),
};
