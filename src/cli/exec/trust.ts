import { existsSync, readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';

const SYSTEM_BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/** Which files each of these variables stands for where it is not set, in the order in which its programs look. */
const FALLBACKS = {
  AWS_CA_BUNDLE: ['REQUESTS_CA_BUNDLE'], // boto, AWS CLI
  REQUESTS_CA_BUNDLE: ['CURL_CA_BUNDLE'], // Python's requests, pip
  CURL_CA_BUNDLE: ['SSL_CERT_FILE'],
  SSL_CERT_FILE: [], // OpenSSL: Python's own HTTPS, Go programs
} as const;

/**
 * By variable, the bundle it shall name: what programs that follow it trusted before, and our authority. A bundle replaces what a program brings
 * along, so leaving anything out would cut it off from the hosts it reaches through the tunnel; and one variable's says nothing for the others.
 */
export function trustBundles(environment: NodeJS.ProcessEnv, authority: string): Record<string, string> {
  const bundles = Object.entries(FALLBACKS).map(([name, others]) => {
    const named = [name, ...others].flatMap((variable) => environment[variable] || []);
    const found = [...named, ...SYSTEM_BUNDLES].find((path) => existsSync(path));
    const before = found === undefined ? rootCertificates.join('\n') : readFileSync(found, 'utf8');
    return [name, `${before.trimEnd()}\n${authority.trimEnd()}\n`] as const;
  });
  return Object.fromEntries(bundles);
}
