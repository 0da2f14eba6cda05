import { callJson } from './client.ts';
import type { Connection } from './connection.ts';
import { failed } from './exit.ts';
import { type Output, statusWord } from './output.ts';
import { pause } from './wait.ts';

/** Waits until the endpoint serves `config`; one line per change. */
export async function waitInService(connection: Connection, output: Output, endpoint: string, config: string): Promise<void> {
  let printed = '';
  for (;;) {
    const described = await callJson(connection, 'sagemaker:DescribeEndpoint', { EndpointName: endpoint });
    const status = described.EndpointStatus ?? '';
    if (status !== printed) output.line(`  endpoint ${endpoint}  ${statusWord(output, status)}`);
    printed = status;
    if (status === 'InService' && described.EndpointConfigName === config) return;
    if (['InService', 'Failed', 'OutOfService', 'UpdateRollbackFailed'].includes(status)) {
      const outcome = status === 'InService' ? `was not moved to ${config} and goes on with what it served` : `is ${status}`;
      throw failed(`endpoint ${endpoint} ${outcome}: ${described.FailureReason ?? 'no reason given'}`);
    }
    await pause(200);
  }
}
