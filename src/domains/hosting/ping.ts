import { request } from '../../platform/node-http.ts';
import type { WorkAddress } from '../../platform/ports/work.ts';

/** AWS: a container answers its ping within two seconds. */
const PING_TIMEOUT_MS = 2_000;

/** Whether a model server answers GET /ping with 200 in time; never throws. */
export function ping(address: WorkAddress): Promise<boolean> {
  const target = address.kind === 'unix' ? { socketPath: address.socketPath } : { host: address.host, port: address.port };
  return new Promise((resolve) => {
    const asked = request({ ...target, path: '/ping', agent: false }, (response) => {
      response.resume();
      settle(response.statusCode === 200);
    });
    const timer = setTimeout(() => settle(false), PING_TIMEOUT_MS);
    const settle = (healthy: boolean) => {
      clearTimeout(timer);
      asked.destroy();
      resolve(healthy);
    };
    asked.on('error', () => settle(false)); // nothing listens yet, or it hung up: not healthy
    asked.end();
  });
}
