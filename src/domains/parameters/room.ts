import type { Room } from '../../platform/calls/operation.ts';
import {
  addTagsToResource,
  labelParameterVersion,
  listTagsForResource,
  removeTagsFromResource,
  unlabelParameterVersion,
} from './operations/labels-and-tags.ts';
import {
  describeParameters,
  getParameter,
  getParameterHistory,
  getParameters,
  getParametersByPath,
} from './operations/read-parameters.ts';
import { deleteParameter, deleteParameters, putParameter } from './operations/write-parameters.ts';
import { PARAMETER } from './resources.ts';
import type { ParametersPorts } from './ports.ts';

/** Parameter Store of Systems Manager. */
export function createParametersRoom(ports: ParametersPorts): Room {
  return {
    name: 'parameters',
    operations: [
      putParameter(ports),
      getParameter(ports),
      getParameters(ports),
      getParametersByPath(ports),
      getParameterHistory(ports),
      describeParameters(ports),
      deleteParameter(ports),
      deleteParameters(ports),
      labelParameterVersion(ports),
      unlabelParameterVersion(ports),
      addTagsToResource(ports),
      removeTagsFromResource(ports),
      listTagsForResource(ports),
    ],
    resources: [PARAMETER],
    calls: ['secretsmanager:GetSecretValue'],
  };
}
