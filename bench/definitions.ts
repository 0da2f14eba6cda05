const PYTHON_IMAGE = 'python:3.11';

/** A pipeline definition of `count` processing steps, each after the one before, that run `python3 -c pass`; `extra` in every step. */
export function chainDefinition(count: number, extra: object = {}): string {
  const steps = Array.from({ length: count }, (_, n) => ({
    Name: `Step${n}`,
    Type: 'Processing',
    ...extra,
    ...(n > 0 && { DependsOn: [`Step${n - 1}`] }),
    Arguments: {
      ProcessingResources: { ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 } },
      AppSpecification: { ImageUri: PYTHON_IMAGE, ContainerEntrypoint: ['python3', '-c', 'pass'] },
      RoleArn: { Get: 'Parameters.Role' },
    },
  }));
  return JSON.stringify({
    Version: '2020-12-01',
    Parameters: [{ Name: 'Role', Type: 'String' }],
    Steps: steps,
  });
}
