const PYTHON_IMAGE = 'python:3.11';

/** A pipeline definition of `count` processing steps, each after the one before, that run `python3 -c pass`; `extra` in every step. */
export function chainDefinition(count: number, extra: object = {}): string {
  return definitionOf(Array.from({ length: count }, (_, n) => step(`Step${n}`, n > 0 ? [`Step${n - 1}`] : [], extra)));
}

/** Of as many steps: all but two of them after the first, and the last one after all of these. */
export function wideDefinition(count: number): string {
  const middle = Array.from({ length: count - 2 }, (_, n) => `Step${n + 1}`);
  return definitionOf([step('First', []), ...middle.map((name) => step(name, ['First'])), step('Last', middle)]);
}

const step = (Name: string, before: readonly string[], extra: object = {}) => ({
  Name,
  Type: 'Processing',
  ...extra,
  ...(before.length > 0 && { DependsOn: before }),
  Arguments: {
    ProcessingResources: { ClusterConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 } },
    AppSpecification: { ImageUri: PYTHON_IMAGE, ContainerEntrypoint: ['python3', '-c', 'pass'] },
    RoleArn: { Get: 'Parameters.Role' },
  },
});

const definitionOf = (Steps: readonly object[]): string =>
  JSON.stringify({ Version: '2020-12-01', Parameters: [{ Name: 'Role', Type: 'String' }], Steps });
