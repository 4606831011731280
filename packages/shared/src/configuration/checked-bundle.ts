import type { ConfigurationSet } from './documents.ts';

/**
 * Reads a bundle that `decodeBundle` and `checkSet` have found to be good in this process, without
 * the schemas: they are large, and a request worker would need them for nothing else.
 */
export function readCheckedBundle(bytes: Uint8Array): ConfigurationSet {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as ConfigurationSet;
}
