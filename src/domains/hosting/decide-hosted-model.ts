/** Where a model of a multi-model container comes from and where it goes; pure. */

/** Below the folder of models; plain, whatever the key is. `digest`: SHA-256 as hex. */
export const modelFolder = (digest: (text: string) => string, model: string): string => `${digest(model).slice(0, 32)}/model`;

/** The object a request means; undefined for what would leave the prefix, or name no object. */
export function modelUri(prefix: string, model: string): string | undefined {
  const parts = model.replace(/^\//, '').split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return undefined;
  return `${prefix.replace(/\/$/, '')}/${parts.join('/')}`;
}
