import { type DataPaths, writeAtomically } from './data-folder.ts';

interface ClientSettings {
  readonly key: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly region: string;
  readonly url: string;
  readonly bucket: string;
}

/** The files in the data folder that clients read: AWS's credentials and config with a profile `slipway`, and the SageMaker SDK's defaults. */
export function writeClientFiles(paths: DataPaths, { key, region, url, bucket }: ClientSettings): void {
  const secrets = `aws_access_key_id = ${key.accessKeyId}\naws_secret_access_key = ${key.secretAccessKey}\n`;
  writeAtomically(paths.credentials, `[slipway]\n${secrets}`);
  writeAtomically(paths.config, `[profile slipway]\nregion = ${region}\nendpoint_url = ${url}\n`);
  writeAtomically(paths.sagemakerConfig, sagemakerConfig(bucket));
}

/** Spares the SageMaker Python SDK its call to a fixed STS host when it looks for the default bucket. */
export const sagemakerConfig = (bucket: string): string => `SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
      Session:
        DefaultS3Bucket: ${bucket}
`;
