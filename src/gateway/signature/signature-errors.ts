import type { Protocol } from '../../contract/model.ts';
import type { ErrorCode } from '../../platform/errors/catalogue.ts';
import { ServiceError } from '../../platform/errors/families.ts';
import type { SignatureFault } from './claim.ts';

type Wording = readonly [code: ErrorCode, message: string];

const MISMATCH =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.';
const S3_MISMATCH =
  'The request signature we calculated does not match the signature you provided. Check your key and signing method.';
const INVALID_TOKEN = 'The security token included in the request is invalid.';
const EXPIRED_TOKEN = 'The security token included in the request is expired';

/** A signature fault in the words of the protocol's services. */
export function signatureError(fault: SignatureFault, protocol: Protocol): ServiceError {
  const word = protocol === 'rest-xml' ? s3Wording : protocol === 'query' || protocol === 'ec2' ? queryWording : jsonWording;
  const [code, message] = word(fault);
  return new ServiceError(code, message);
}

function jsonWording({ fault, detail }: SignatureFault): Wording {
  switch (fault) {
    case 'missing':
      return ['MissingAuthenticationTokenException', 'Missing Authentication Token'];
    case 'incomplete':
    case 'unsupported-algorithm':
      return ['IncompleteSignatureException', detail ?? 'The request signature does not conform to AWS standards.'];
    case 'unknown-key':
    case 'token-invalid':
      return ['UnrecognizedClientException', INVALID_TOKEN];
    case 'token-expired':
      return ['ExpiredTokenException', EXPIRED_TOKEN];
    case 'headers-not-signed':
      return ['InvalidSignatureException', headersMessage(detail)];
    case 'skewed':
      return ['InvalidSignatureException', detail ?? MISMATCH];
    default:
      return ['InvalidSignatureException', detail ?? MISMATCH];
  }
}

function queryWording({ fault, detail }: SignatureFault): Wording {
  switch (fault) {
    case 'missing':
      return ['MissingAuthenticationToken', 'Request is missing Authentication Token'];
    case 'incomplete':
    case 'unsupported-algorithm':
      return ['IncompleteSignature', detail ?? 'The request signature does not conform to AWS standards.'];
    case 'unknown-key':
    case 'token-invalid':
      return ['InvalidClientTokenId', INVALID_TOKEN];
    case 'token-expired':
      return ['ExpiredToken', EXPIRED_TOKEN];
    case 'headers-not-signed':
      return ['SignatureDoesNotMatch', headersMessage(detail)];
    default:
      return ['SignatureDoesNotMatch', detail ?? MISMATCH];
  }
}

function s3Wording({ fault, detail }: SignatureFault): Wording {
  switch (fault) {
    case 'missing':
      return ['AccessDenied', 'Access Denied'];
    case 'incomplete':
      return ['AuthorizationHeaderMalformed', `The authorization header is malformed; ${detail ?? 'see the documentation'}`];
    case 'unsupported-algorithm':
      return ['InvalidRequest', 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.'];
    case 'unknown-key':
      return ['InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.'];
    case 'token-invalid':
      return ['InvalidToken', 'The provided token is malformed or otherwise invalid.'];
    case 'token-expired':
      return ['ExpiredToken', 'The provided token has expired.'];
    case 'skewed':
      return ['RequestTimeTooSkewed', 'The difference between the request time and the current time is too large.'];
    case 'url-expired':
      return ['AccessDenied', 'Request has expired'];
    case 'headers-not-signed':
      return ['AccessDenied', headersMessage(detail)];
    case 'payload-hash-missing':
      return ['InvalidRequest', 'Missing required header for this request: x-amz-content-sha256'];
    case 'payload-hash-invalid':
      return [
        'InvalidArgument',
        'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
      ];
    case 'payload-mismatch':
      return ['XAmzContentSHA256Mismatch', "The provided 'x-amz-content-sha256' header does not match what was computed."];
    default:
      return ['SignatureDoesNotMatch', S3_MISMATCH];
  }
}

const headersMessage = (names: string | undefined): string =>
  `There were headers present in the request which were not signed: ${names ?? ''}. Sign host and every x-amz-* header.`;
