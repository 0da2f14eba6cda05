import type { OperationName } from '../../../contract/operations.ts';
import type { StepType } from '../../../../sdk/definition/index.ts';
import { callbackStep } from './callback.ts';
import { cleanupStep } from './cleanup.ts';
import { endpointStep } from './endpoint.ts';
import { endpointConfigStep } from './endpoint-config.ts';
import { lambdaStep } from './lambda.ts';
import { modelStep } from './model.ts';
import { processingStep } from './processing.ts';
import { registerModelStep } from './register-model.ts';
import type { StepKind } from './step-kind.ts';
import { trainingStep } from './training.ts';
import { transformStep } from './transform.ts';

/** The step types that make something. Condition and Fail steps make nothing: `decideAtOnce` in `decide-execution.ts` decides them. */
export const STEP_KINDS: { readonly [T in StepType]?: StepKind } = {
  Processing: processingStep,
  Training: trainingStep,
  Transform: transformStep,
  Model: modelStep,
  RegisterModel: registerModelStep,
  EndpointConfig: endpointConfigStep,
  Endpoint: endpointStep,
  Lambda: lambdaStep,
  Callback: callbackStep,
  Cleanup: cleanupStep,
};

/** Every operation of other rooms that steps call. */
export const stepCalls = (): OperationName[] => [...new Set(Object.values(STEP_KINDS).flatMap(({ calls }) => calls))];
