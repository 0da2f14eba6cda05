import type { IncomingMessage } from 'node:http';
import { sha256Hex } from '../gateway/signature/canonical.ts';
import { checkClaim, parseClaim, type SignatureClaim, type SignatureFault } from '../gateway/signature/claim.ts';
import { signatureError } from '../gateway/signature/signature-errors.ts';
import { claimedPayload, signatureMatches } from '../gateway/signature/verify.ts';
import { decideAccess } from '../platform/authorization/authorizer.ts';
import type { Credential, CredentialProblem } from '../platform/authorization/port.ts';
import type { Principal } from '../platform/authorization/principal.ts';
import { openSessionToken } from '../platform/authorization/session-token.ts';
import { ERROR_CATALOGUE } from '../platform/errors/catalogue.ts';
import type { IdentitySnapshot } from '../platform/ports/routes.ts';
import type { RuntimeFault } from './answer.ts';

export type Entrance =
  | { readonly admitted: true; readonly account: string; readonly region: string }
  | { readonly admitted: false; readonly fault: RuntimeFault };

/** Opened session tokens; a job that predicts uses one for hours. Cleared as a whole. */
const TOKENS_MAX = 1_000;

/** Who asks, and may they? Decided from the snapshot alone, so also while the server is away. */
export class Gate {
  #keys = new Map<string, Credential>();
  #policies: IdentitySnapshot['policies'] = {};
  #sealingKey = '';
  #opened = new Map<string, { credential: Credential; expiresAtMs: number }>();

  apply(identities: IdentitySnapshot): void {
    this.#keys = new Map(identities.accessKeys.map(({ id, secret, principal }) => [id, { secretAccessKey: secret, principal }]));
    this.#policies = identities.policies;
    this.#sealingKey = identities.sealingKey;
    this.#opened = new Map();
  }

  /** Checks the signature over the whole request and the right to `action` on the endpoint in the region that was signed for. */
  admit(request: IncomingMessage, body: Buffer, endpoint: string, action: string): Entrance {
    const signed = { method: request.method ?? '', target: request.url ?? '', headers: request.headers };
    const claim = parseClaim(signed);
    if ('fault' in claim) return refused(claim);
    const nowMs = Date.now();
    const fault = checkClaim(claim, request.headers, nowMs) ?? wrongService(claim);
    if (fault) return refused(fault);
    const payload = claimedPayload(claim);
    if ('fault' in payload) return refused(payload);
    const bodyHash = sha256Hex(body);
    if (payload.hash !== undefined && payload.hash !== bodyHash) return refused({ fault: 'payload-mismatch' });
    const credential = this.#credential(claim, nowMs);
    if (!credential) return refused({ fault: 'unknown-key' });
    if ('problem' in credential) return refused({ fault: credential.problem === 'expired' ? 'token-expired' : 'token-invalid' });
    if (!signatureMatches(claim, credential.secretAccessKey, signed, bodyHash)) return refused({ fault: 'mismatch' });
    return this.#authorize(credential.principal, claim.scope.region, { action, endpoint }, request, nowMs);
  }

  #credential(claim: SignatureClaim, nowMs: number): Credential | CredentialProblem | undefined {
    const { sessionToken, accessKeyId } = claim;
    if (sessionToken === undefined) return this.#keys.get(accessKeyId);
    const name = `${accessKeyId} ${sessionToken}`;
    const known = this.#opened.get(name);
    if (known && known.expiresAtMs > nowMs) return known.credential;
    if (this.#sealingKey === '') return { problem: 'invalid-token' }; // no identities published yet
    const opened = openSessionToken(this.#sealingKey, accessKeyId, sessionToken, nowMs);
    if ('problem' in opened) return opened;
    if (this.#opened.size >= TOKENS_MAX) this.#opened.clear();
    this.#opened.set(name, opened);
    return opened.credential;
  }

  #authorize(
    principal: Principal,
    region: string,
    { action, endpoint }: { readonly action: string; readonly endpoint: string },
    request: IncomingMessage,
    nowMs: number,
  ): Entrance {
    const model = request.headers['x-amzn-sagemaker-target-model'];
    const need = {
      action,
      ...(typeof model === 'string' && { context: { 'sagemaker:TargetModel': model } }),
      resources: [`arn:aws:sagemaker:${region}:${principal.account}:endpoint/${endpoint}`],
    };
    const sourceIp = request.socket.remoteAddress;
    const environment = {
      region,
      nowMs,
      ...(sourceIp !== undefined && { sourceIp }),
      userAgent: request.headers['user-agent'] ?? '',
    };
    const decision = decideAccess(principal, this.#policies[idOf(principal)] ?? [], [need], environment);
    return decision.allowed
      ? { admitted: true, account: principal.account, region }
      : { admitted: false, fault: { status: 403, code: 'AccessDeniedException', message: decision.message } };
  }
}

/** A session's user id is that of its role, a colon, and the session's name. */
const idOf = ({ userId }: Principal): string => userId.split(':', 1)[0] ?? '';

const wrongService = (claim: SignatureClaim): SignatureFault | undefined =>
  claim.scope.service === 'sagemaker'
    ? undefined
    : { fault: 'mismatch', detail: `Credential should be scoped to correct service: 'sagemaker', not '${claim.scope.service}'.` };

function refused(fault: SignatureFault): Entrance {
  const { code, message } = signatureError(fault, 'rest-json');
  return { admitted: false, fault: { status: Math.max(ERROR_CATALOGUE[code].status, 403), code, message } };
}
