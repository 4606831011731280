import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';
import { type FieldProblem, SallyportError } from '../errors.ts';
import type { ConfigurationDocument, ConfigurationSet } from './documents.ts';
import { nameOf } from './names.ts';
import { validateDocument } from './validate.ts';

/** The form in which a configuration version is stored, hashed and sent to edges. */

/** Below the 4 MiB that a gRPC message may have. */
export const bundleBytesMax = 3_145_728;

/**
 * Canonical JSON of the documents, sorted by kind and name: equal sets give equal bytes. Throws
 * SallyportError `invalid_configuration` for a set that is too large.
 */
export function encodeBundle(documents: readonly ConfigurationDocument[]): Uint8Array {
  const set: ConfigurationSet = { documents: [...documents].sort(byName) };
  const bytes = new TextEncoder().encode(canonicalJson(set));
  if (bytes.length > bundleBytesMax) {
    const detail = `The set has ${bytes.length} bytes and may have ${bundleBytesMax}`;
    throw new SallyportError('invalid_configuration', detail);
  }
  return bytes;
}

/**
 * Reads a bundle, whoever sent it: every document by the schema of its kind, nothing unknown beside
 * them, in the order and spelling of `encodeBundle`. Whether they fit together is `checkSet`'s part.
 * Throws SallyportError `invalid_configuration`.
 */
export function decodeBundle(bytes: Uint8Array): ConfigurationSet {
  if (bytes.length > bundleBytesMax) throw invalid('The bundle is too large');
  const value = parseJson(bytes);
  if (!isSet(value)) throw invalid('The bundle is not an object with a list of documents alone');
  const documents: ConfigurationDocument[] = [];
  const problems: FieldProblem[] = [];
  for (const [index, item] of value.documents.entries()) {
    const result = validateDocument(item, `/documents/${index}`);
    if ('document' in result) documents.push(result.document);
    else problems.push(...result.problems);
  }
  if (problems.length > 0) throw invalid('The bundle holds documents that are not valid', problems);
  if (new Set(documents.map(nameOf)).size < documents.length) {
    throw invalid('The bundle holds a document twice');
  }
  if (Buffer.compare(encodeBundle(documents), bytes) !== 0) {
    throw invalid('The bundle is not in canonical form');
  }
  return { documents };
}

/** SHA-256 of bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new SallyportError('invalid_configuration', 'The bundle is not JSON', { cause: error });
  }
}

function isSet(value: unknown): value is { documents: unknown[] } {
  if (typeof value !== 'object' || value === null || !('documents' in value)) return false;
  return Array.isArray(value.documents) && Object.keys(value).length === 1;
}

function byName(a: ConfigurationDocument, b: ConfigurationDocument): number {
  const [left, right] = [nameOf(a), nameOf(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function invalid(detail: string, problems: readonly FieldProblem[] = []): SallyportError {
  return new SallyportError('invalid_configuration', detail, { problems });
}
