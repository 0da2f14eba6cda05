import type { SigningCredentials } from '../../src/gateway/signature/sign.ts';
import { AwsClient } from '../harness/aws-client.ts';

/** Credentials out of an answer of STS or IAM. */
export function credentialsOf(xml: string): SigningCredentials {
  const part = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(xml)?.[1] ?? '';
  const sessionToken = part('SessionToken');
  return {
    accessKeyId: part('AccessKeyId'),
    secretAccessKey: part('SecretAccessKey'),
    ...(sessionToken !== '' && { sessionToken }),
  };
}

/** A user with a key and these statements as its policy. */
export async function newUser(aws: AwsClient, UserName: string, Statement: readonly object[]): Promise<AwsClient> {
  await aws.query('iam', { Action: 'CreateUser', UserName });
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await aws.query('iam', { Action: 'PutUserPolicy', UserName, PolicyName: 'own', PolicyDocument });
  const credentials = credentialsOf(await aws.query('iam', { Action: 'CreateAccessKey', UserName }));
  return new AwsClient({ ...aws.options, credentials });
}
