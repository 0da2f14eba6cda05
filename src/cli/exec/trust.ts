import { existsSync, readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';

const SYSTEM_BUNDLES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/**
 * All that the command trusted before, and our authority: a bundle replaces what a program brings along, so leaving anything out would cut it
 * off from the hosts it reaches through the tunnel.
 */
export function trustBundle(environment: NodeJS.ProcessEnv, authority: string): string {
  const named = ['AWS_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_FILE'].flatMap(
    (name) => environment[name] ?? [],
  );
  const found = [...named, ...SYSTEM_BUNDLES].find((path) => existsSync(path));
  const before = found === undefined ? rootCertificates.join('\n') : readFileSync(found, 'utf8');
  return `${before.trimEnd()}\n${authority.trimEnd()}\n`;
}
