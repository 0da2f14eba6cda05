import type { ActionExecutionDetail, PipelineDeclaration } from '../../../src/contract/generated/codepipeline.ts';

/** What an execution knows by itself. */
export interface Given {
  readonly id: string;
  readonly structure: PipelineDeclaration;
  readonly variables: Readonly<Record<string, string>>;
  /** Attempts of the execution, and of the one that it goes back to. */
  readonly own: readonly ActionExecutionDetail[];
  readonly inherited: readonly ActionExecutionDetail[];
}

/** Artifacts and values of variables, against what came before: each is the newest of its name when the attempt began. */
export function judgeInputs({ id, structure, variables, own, inherited }: Given): string[] {
  return own.flatMap((detail) => {
    const { actionName = '', startTime = 0, input } = detail;
    const before = newestFirst([
      ...own.filter((one) => one !== detail && Number(one.lastUpdateTime) <= Number(startTime)),
      ...inherited.filter(({ stageName }) => stageName !== detail.stageName),
    ]);
    const namespaces: Record<string, Readonly<Record<string, string>>> = { codepipeline: { PipelineExecutionId: id }, variables };
    for (const { input: told, output } of [...before].reverse())
      if (told?.namespace !== undefined) namespaces[told.namespace] = output?.outputVariables ?? {};
    const resolved = (text: string) =>
      text.replaceAll(/#\{([^.}]+)\.([^}]+)\}/g, (whole, space: string, key: string) => namespaces[space]?.[key] ?? whole);
    const wrong = Object.entries(input?.configuration ?? {}).flatMap(([key, text]) => {
      const [wanted, got] = [resolved(text), input?.resolvedConfiguration?.[key]];
      // without a value there is no configuration
      return got === undefined || got === wanted ? [] : [`${actionName} has ${key} ${got}, and not ${wanted}`];
    });
    const made = before.flatMap(({ output }) => output?.outputArtifacts ?? []);
    const declared = structure.stages.flatMap(({ actions }) => actions).find(({ name }) => name === actionName);
    const strange = (declared?.inputArtifacts ?? []).flatMap(({ name }) => {
      const wanted = made.find((one) => one.name === name)?.s3location?.key;
      const got = input?.inputArtifacts?.find((one) => one.name === name)?.s3location?.key;
      return wanted !== undefined && wanted === got ? [] : [`${actionName} was given ${name} at ${got}, and not at ${wanted}`];
    });
    return [...wrong, ...strange];
  });
}

const newestFirst = (details: readonly ActionExecutionDetail[]): ActionExecutionDetail[] =>
  details.filter(({ status }) => status === 'Succeeded').sort((one, other) => Number(other.startTime) - Number(one.startTime));
