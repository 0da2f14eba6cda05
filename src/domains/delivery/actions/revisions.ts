import type { SourceRevisionType } from '../../../contract/generated/codepipeline.ts';
import type { Work } from './action-kind.ts';

/** The revision of a source that whoever started the execution asked for. */
export const overrideOf = (
  { execution, action }: Pick<Work, 'execution' | 'action'>,
  type: SourceRevisionType,
): string | undefined =>
  execution.overrides.find(({ actionName, revisionType }) => actionName === action.name && revisionType === type)?.revisionValue;
