import { sameText } from '../../platform/authorization/signed-and-sealed.ts';
import type { IdentityDirectory } from '../../platform/authorization/port.ts';
import type { Principal } from '../../platform/authorization/principal.ts';
import { formatTimestamp, hmacHex, parseTimestamp, sha256Hex, signingKey, scopeText } from '../signature/canonical.ts';

/**
 * Who a git client is, by HTTP basic authentication. The user is an access key id (for a session with `%<session token>`), the password
 * the signed form of `aws codecommit credential-helper` or the secret key itself; or both are of a service-specific credential.
 */
export interface GitCredentialPorts {
  readonly identities: Pick<IdentityDirectory, 'credential'>;
  /** Of `iam:CreateServiceSpecificCredential`. */
  readonly serviceCredential: (serviceName: string, userName: string, password: string) => Promise<Principal | undefined>;
}

/** What the signed form signs besides the time. */
interface SignedPlace {
  readonly path: string;
  /** Without port. */
  readonly host: string;
  readonly region: string;
  readonly nowMs: number;
}

const SERVICE = 'codecommit.amazonaws.com';
/** How long a signed password holds, as at AWS, and how far clocks may differ. */
const SIGNED_MS = 15 * 60_000;

export function parseBasic(header: string | undefined): { readonly user: string; readonly password: string } | undefined {
  const encoded = /^Basic\s+([A-Za-z0-9+/=_-]+)$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? undefined : { user: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

/** Undefined: nobody we know, or not with this password. */
export async function identify(
  { identities, serviceCredential }: GitCredentialPorts,
  basic: { readonly user: string; readonly password: string },
  place: SignedPlace,
): Promise<Principal | undefined> {
  const { accessKeyId, password, token } = partsOf(basic);
  if (!/^A(?:KIA|SIA)[A-Z0-9]{8,}$/.test(accessKeyId)) return serviceCredential(SERVICE, basic.user, basic.password);
  const found = await identities.credential(accessKeyId, token);
  if (!found || 'problem' in found) return undefined;
  const signed = /^(\d{8}T\d{6})Z([0-9a-f]{64})$/.exec(password);
  const holds = signed
    ? signedHolds(found.secretAccessKey, signed[1] ?? '', signed[2] ?? '', place)
    : sameText(sha256Hex(found.secretAccessKey), sha256Hex(password));
  return holds ? found.principal : undefined;
}

/** A session's token stands behind `%` of the user, as the AWS helper writes it, or behind `:` of the password. */
function partsOf({ user, password }: { readonly user: string; readonly password: string }) {
  const mark = user.indexOf('%');
  if (mark >= 0) return { accessKeyId: user.slice(0, mark), token: user.slice(mark + 1), password };
  const colon = password.indexOf(':');
  if (user.startsWith('ASIA') && colon >= 0) {
    return { accessKeyId: user, token: password.slice(colon + 1), password: password.slice(0, colon) };
  }
  return { accessKeyId: user, token: undefined, password };
}

/** Signature Version 4 over the method `GIT`, the repository's path and the host. The time is signed without its `Z`. */
function signedHolds(secret: string, time: string, signature: string, { path, host, region, nowMs }: SignedPlace): boolean {
  const atMs = parseTimestamp(`${time}Z`);
  if (atMs === undefined || Math.abs(nowMs - atMs) > SIGNED_MS) return false;
  return sameText(signatureOf(secret, time, { path, host, region }), signature);
}

function signatureOf(secret: string, time: string, { path, host, region }: Omit<SignedPlace, 'nowMs'>): string {
  const scope = { date: time.slice(0, 8), region, service: 'codecommit' };
  const canonical = `GIT\n${path}\n\nhost:${host}\n\nhost\n`;
  const text = `AWS4-HMAC-SHA256\n${time}\n${scopeText(scope)}\n${sha256Hex(canonical)}`;
  return hmacHex(signingKey(secret, scope), text);
}

/** For tests: a password in the signed form. */
export function signedPassword(secret: string, { nowMs, ...place }: SignedPlace): string {
  const time = formatTimestamp(nowMs).slice(0, -1);
  return `${time}Z${signatureOf(secret, time, place)}`;
}
