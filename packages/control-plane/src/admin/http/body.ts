import { SallyportError } from '@sallyport/shared/errors';
import { badField } from './problems.ts';

export const bodyBytesMax = 1_048_576;
/** Of a set of documents: more than a bundle may have. */
export const configurationBytesMax = 4_194_304;
const depthMax = 32;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a JSON body. Refused before anything looks at it: invalid UTF-8, nesting deeper than 32,
 * text that Postgres or another parser reads differently (NUL, half a surrogate pair), numbers that
 * lose digits, and members that reach into prototypes.
 */
export function parseBody(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  if (depthOf(text) > depthMax) {
    throw invalid(`the body is nested deeper than ${depthMax}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('the body is not JSON');
  }
  refuseOddValues(value, '');
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid('the body is not UTF-8');
  }
}

/** How deep brackets are nested outside strings; counted before parsing, which recurses. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (character === '}' || character === ']') depth -= 1;
  }
  return deepest;
}

function refuseOddValues(value: unknown, pointer: string): void {
  if (typeof value === 'string') {
    if (!isStorable(value)) throw badField(pointer, 'holds a character that is not allowed');
    return;
  }
  if (typeof value === 'number') {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw badField(pointer, 'is a number that is too large');
    }
    return;
  }
  if (Array.isArray(value)) {
    value.forEach((item, index) => refuseOddValues(item, `${pointer}/${index}`));
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    const at = `${pointer}/${escapePointer(name)}`;
    if (name === '__proto__' || !isStorable(name)) throw badField(at, 'is not a member name');
    refuseOddValues(member, at);
  }
}

/** Whether a text can be stored and comes back the same. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}

/** One segment of an RFC 6901 pointer. */
export function escapePointer(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}

function invalid(detail: string): SallyportError {
  return new SallyportError('invalid_request', detail);
}
