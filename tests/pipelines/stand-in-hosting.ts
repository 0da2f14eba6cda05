import type { InputOf } from '../../src/contract/operations.ts';
import type { AnyOperation } from '../../src/platform/calls/operation.ts';
import { ServiceError } from '../../src/platform/errors/families.ts';
import type { EventInput } from '../../src/platform/events/event.ts';
import type { Named } from './stand-in-functions.ts';

interface StandInEndpoint {
  status: string;
  config: string;
  pending?: string;
  modifiedAtMs: number;
  reason?: string;
}

/** Endpoints whose deployments the test ends. */
export class StandInHosting {
  readonly endpoints = new Map<string, StandInEndpoint>();
  readonly configs = new Map<string, InputOf<'sagemaker:CreateEndpointConfig'>>();
  readonly #arn: (resource: string) => string;
  readonly #nowMs: () => number;

  constructor(arn: (resource: string) => string, nowMs: () => number) {
    this.#arn = arn;
    this.#nowMs = nowMs;
  }

  /** Ends a deployment; a failed update leaves what served before. */
  end(name: string, reason?: string): Pick<EventInput, 'source' | 'detailType' | 'resources' | 'detail'> {
    const endpoint = this.endpoints.get(name)!;
    if (reason === undefined) endpoint.config = endpoint.pending ?? endpoint.config;
    endpoint.status = reason !== undefined && endpoint.status === 'Creating' ? 'Failed' : 'InService';
    endpoint.reason = reason;
    endpoint.pending = undefined;
    endpoint.modifiedAtMs = this.#nowMs();
    const detail = { EndpointStatus: endpoint.status === 'InService' ? 'IN_SERVICE' : 'FAILED' };
    return {
      source: 'aws.sagemaker',
      detailType: 'SageMaker Endpoint State Change',
      resources: [this.#arn(`endpoint/${name}`)],
      detail,
    };
  }

  operations(named: Named): AnyOperation[] {
    return [...this.#configOperations(named), ...this.#endpointOperations(named)];
  }

  #configOperations(named: Named): AnyOperation[] {
    const arnOf = (name: string) => this.#arn(`endpoint-config/${name}`);
    return [
      named('sagemaker:CreateEndpointConfig', async (input: InputOf<'sagemaker:CreateEndpointConfig'>) => {
        const name = input.EndpointConfigName;
        if (this.configs.has(name)) throw new ServiceError('ValidationException', 'already existing', {}, 'exists');
        this.configs.set(name, input);
        return { EndpointConfigArn: arnOf(name) };
      }),
      named('sagemaker:DescribeEndpointConfig', async ({ EndpointConfigName }: InputOf<'sagemaker:DescribeEndpointConfig'>) => {
        const config = this.configs.get(EndpointConfigName);
        if (!config) throw new ServiceError('ValidationException', 'Could not find it.', {}, 'absent');
        return { ...config, Tags: undefined, EndpointConfigArn: arnOf(EndpointConfigName) };
      }),
      named('sagemaker:ListTags', async ({ ResourceArn }: InputOf<'sagemaker:ListTags'>) => ({
        Tags: this.configs.get(ResourceArn.split('/').at(-1)!)?.Tags ?? [],
      })),
    ];
  }

  #endpointOperations(named: Named): AnyOperation[] {
    return [
      named('sagemaker:CreateEndpoint', async (input: InputOf<'sagemaker:CreateEndpoint'>) => {
        const { EndpointName: name, EndpointConfigName: config } = input;
        if (this.endpoints.has(name)) throw new ServiceError('ValidationException', 'already existing', {}, 'exists');
        this.endpoints.set(name, { status: 'Creating', config, modifiedAtMs: this.#nowMs() });
        return { EndpointArn: this.#arn(`endpoint/${name}`) };
      }),
      named('sagemaker:UpdateEndpoint', async (input: InputOf<'sagemaker:UpdateEndpoint'>) => {
        const endpoint = this.endpoints.get(input.EndpointName)!;
        if (endpoint.status !== 'InService') throw new ServiceError('ValidationException', 'Cannot update in-progress endpoint.');
        endpoint.status = 'Updating';
        endpoint.pending = input.EndpointConfigName;
        return { EndpointArn: this.#arn(`endpoint/${input.EndpointName}`) };
      }),
      named('sagemaker:DescribeEndpoint', async ({ EndpointName }: InputOf<'sagemaker:DescribeEndpoint'>) => {
        const endpoint = this.endpoints.get(EndpointName);
        if (!endpoint) throw new ServiceError('ValidationException', 'Could not find endpoint.', {}, 'absent');
        return {
          EndpointName,
          EndpointArn: this.#arn(`endpoint/${EndpointName}`),
          EndpointConfigName: endpoint.config,
          EndpointStatus: endpoint.status,
          FailureReason: endpoint.reason,
          LastModifiedTime: endpoint.modifiedAtMs,
          CreationTime: endpoint.modifiedAtMs,
          PendingDeploymentSummary: endpoint.pending === undefined ? undefined : { EndpointConfigName: endpoint.pending },
        };
      }),
    ];
  }
}
