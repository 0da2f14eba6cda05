import { AwsError, callJson, defaultRoleArn, invokeEndpoint } from '../client.ts';
import type { Connection } from '../connection.ts';
import { dataFlag } from '../data-folder-option.ts';
import { failed, wrongUse } from '../exit.ts';
import { forTerminal, type Output } from '../output.ts';
import { packageArnOf } from '../references.ts';
import { type GlobalOptions, openSession } from '../session.ts';
import { moveEndpoint } from '../move-endpoint.ts';
import { readFileSync } from 'node:fs';

export interface DeployOptions extends GlobalOptions {
  readonly endpoint: string;
  readonly instanceType: string;
  readonly instanceCount: string;
  readonly role?: string;
}

/** `slipway deploy PACKAGE --endpoint NAME`: creates the endpoint, or moves an existing one to this package. */
export async function deploy(reference: string, options: DeployOptions): Promise<void> {
  const { connection, output, folder } = await openSession(options);
  const packageArn = await packageArnOf(connection, reference);
  const instanceCount = Number(options.instanceCount);
  if (!Number.isInteger(instanceCount) || instanceCount < 1) {
    throw wrongUse(`--instance-count must be a whole number of at least 1, not "${options.instanceCount}".`);
  }
  const deployed = await deployPackage(connection, output, packageArn, { ...options, instanceCount }).catch((error) => {
    throw withApproveHint(error, reference, dataFlag(folder));
  });
  output.line(`${deployed.EndpointArn}`);
  output.line(`try it: npx slipway invoke ${options.endpoint}${dataFlag(folder)} --content-type text/csv --body 'TEXT'`);
  output.result(deployed);
}

/** A refusal for want of approval, with the verb that gives it; any other error as it is. */
function withApproveHint(error: unknown, reference: string, flag: string): unknown {
  if (!(error instanceof AwsError) || !/ModelApprovalStatus is PendingManualApproval/.test(error.message)) return error;
  return failed(`${error.code}: ${error.message}\napprove it: npx slipway approve ${reference}${flag} --reason TEXT`);
}

export interface Deployment {
  readonly endpoint: string;
  readonly instanceType: string;
  readonly instanceCount: number;
  /** Execution role of the model; default: the role that first start made. */
  readonly role?: string;
}

/** Makes model and endpoint configuration for the package, then creates or moves the endpoint and waits until it serves. */
export async function deployPackage(
  connection: Connection,
  output: Output,
  packageArn: string,
  { endpoint, role, ...instances }: Deployment,
) {
  const name = `${endpoint}-${packageArn.split('/').slice(-2).join('-')}-${Date.now().toString(36)}`
    .replaceAll(/[^a-zA-Z0-9-]+/g, '-')
    .slice(-63)
    .replace(/^-+/, '');
  await callJson(connection, 'sagemaker:CreateModel', {
    ModelName: name,
    ExecutionRoleArn: role ?? (await defaultRoleArn(connection)),
    Containers: [{ ModelPackageName: packageArn }],
  });
  await callJson(connection, 'sagemaker:CreateEndpointConfig', {
    EndpointConfigName: name,
    ProductionVariants: [
      {
        VariantName: 'AllTraffic',
        ModelName: name,
        InitialInstanceCount: instances.instanceCount,
        InstanceType: instances.instanceType as 'ml.m5.large',
        InitialVariantWeight: 1,
      },
    ],
  });
  const arn = await moveEndpoint(connection, output, endpoint, name);
  return { EndpointArn: arn, EndpointName: endpoint, EndpointConfigName: name, ModelName: name, ModelPackageArn: packageArn };
}

/** `slipway invoke ENDPOINT --content-type T --body TEXT|@FILE|-` */
export async function invoke(
  endpoint: string,
  options: GlobalOptions & {
    contentType: string;
    accept?: string;
    body: string;
    targetVariant?: string;
  },
): Promise<void> {
  const { connection, output } = await openSession(options);
  const answer = await invokeEndpoint(connection, endpoint, {
    body: bodyOf(options.body),
    contentType: options.contentType,
    accept: options.accept,
    variant: options.targetVariant,
  });
  const text = answer.body.toString('utf8');
  if (!output.json) process.stdout.write(output.terminal ? forTerminal(text) : answer.body);
  if (output.terminal && !text.endsWith('\n')) process.stdout.write('\n');
  output.result({
    Body: text,
    ContentType: answer.headers['content-type'] ?? null,
    InvokedProductionVariant: answer.headers['x-amzn-invoked-production-variant'] ?? null,
  });
}

function bodyOf(option: string): Buffer {
  if (option === '-') return readFileSync(0);
  if (!option.startsWith('@')) return Buffer.from(option);
  try {
    return readFileSync(option.slice(1));
  } catch (error) {
    throw wrongUse(`--body ${option}: ${(error as Error).message}`);
  }
}
