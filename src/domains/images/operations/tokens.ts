import { operation, type Operation } from '../../../platform/calls/operation.ts';
import type { ImagesPorts } from '../ports.ts';

/** AWS's tokens are good for twelve hours. */
const LIFETIME_MS = 12 * 3600 * 1000;
/** Of a role's session, which may be a job's and must not outlive it by much. */
const SESSION_LIFETIME_MS = 3600 * 1000;

export const getAuthorizationToken = ({ registryTokens }: ImagesPorts): Operation<'ecr:GetAuthorizationToken'> =>
  operation('ecr:GetAuthorizationToken', {
    effect: 'read',
    needs: () => [{ action: 'ecr:GetAuthorizationToken', resources: ['*'] }],
    async handle(input, context) {
      const expiresAtMs = context.nowMs + (context.principal.kind === 'user' ? LIFETIME_MS : SESSION_LIFETIME_MS);
      const password = registryTokens.seal({ principal: context.principal, region: context.region, expiresAtMs });
      const one = {
        authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'),
        expiresAt: expiresAtMs,
        proxyEndpoint: context.client?.endpoint ?? `https://${context.account}.dkr.ecr.${context.region}.amazonaws.com`,
      };
      // AWS gives one per registry asked for; here there is one registry
      return { authorizationData: (input.registryIds ?? [context.account]).map(() => one) };
    },
  });
