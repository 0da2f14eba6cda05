/**
 * Headers of answers whose content and type are a user's: objects, and what models say. They come from the host and port of the page, so a
 * browser that shows one would let its scripts ask in the name of whoever is signed in there. In a sandbox they run as nobody's:
 * neither the page's answers nor its session are theirs. SDKs take no notice.
 */
export const FOREIGN_CONTENT: Readonly<Record<string, string>> = {
  'content-security-policy': 'sandbox allow-scripts allow-downloads',
  'x-content-type-options': 'nosniff',
};
