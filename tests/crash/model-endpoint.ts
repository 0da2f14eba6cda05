import type { AwsClient } from '../harness/aws-client.ts';
import { BUCKET, ROLE, until } from '../harness/script-job.ts';
import { modelArchive, SERVING_IMAGE } from './workload.ts';

/** A small model behind an endpoint of this name, in service; it answers `<name> <body>`. */
export async function serveModel(aws: AwsClient, name: string): Promise<void> {
  await aws.put(BUCKET, `models/${name}.tar.gz`, await modelArchive(name));
  await aws.call('sagemaker:CreateModel', {
    ModelName: name,
    ExecutionRoleArn: ROLE,
    PrimaryContainer: { Image: SERVING_IMAGE, ModelDataUrl: `s3://${BUCKET}/models/${name}.tar.gz` },
  });
  await aws.call('sagemaker:CreateEndpointConfig', {
    EndpointConfigName: name,
    ProductionVariants: [{ VariantName: 'AllTraffic', ModelName: name, InitialInstanceCount: 1, InstanceType: 'ml.m5.large' }],
  });
  await aws.call('sagemaker:CreateEndpoint', { EndpointName: name, EndpointConfigName: name });
  await until(
    `endpoint ${name} in service`,
    () => aws.call('sagemaker:DescribeEndpoint', { EndpointName: name }),
    ({ EndpointStatus }) => EndpointStatus === 'InService',
  );
}
