import { escapeByte, hexByte, isUnreserved, unescapeReserved } from './escapes.ts';

/**
 * One path, one form: what is matched is what is forwarded. Decoded once; whatever two parsers
 * could read differently is refused, never repaired. No Unicode normalisation: look-alikes stay
 * different names. Letters keep their case, and case counts when matching.
 */

/** Longest path, in characters, before and after. */
export const pathLengthMax = 8192;

export type PathProblem =
  | 'too_long'
  | 'not_absolute'
  | 'raw_character'
  | 'broken_escape'
  | 'control_character'
  | 'encoded_separator'
  | 'invalid_utf8'
  | 'matrix_parameter'
  | 'empty_segment'
  | 'double_encoding'
  | 'above_root'
  | 'ambiguous_tail';

export type CanonicalPath =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly problem: PathProblem };

/**
 * The canonical form of a request's path, which comes without its query, or what is wrong with it.
 * Unreserved characters are decoded, other escapes written in upper case, dot segments resolved.
 * The canonical form of a canonical path is itself.
 */
export function canonicalPath(rawPath: string): CanonicalPath {
  if (rawPath.length > pathLengthMax) return refuse('too_long');
  if (rawPath.charCodeAt(0) !== slash) return refuse('not_absolute');
  if (isPlain(rawPath)) return { ok: true, path: rawPath };
  const decoded = decodeOnce(rawPath);
  if (!decoded.ok) return decoded;
  if (decoded.path.includes('//')) return refuse('empty_segment');
  if (doubleEncoded.test(decoded.path)) return refuse('double_encoding');
  return resolveDots(decoded.path);
}

/** Whether the path is its own canonical form. */
export function isCanonicalPath(path: string): boolean {
  const canonical = canonicalPath(path);
  return canonical.ok && canonical.path === path;
}

const slash = 0x2f;
const dot = 0x2e;
const percent = 0x25;
const colon = 0x3a;
const semicolon = 0x3b;
const backslash = 0x5c;

/** What a server that decodes twice, or knows %uXXXX, would turn into something else. */
const doubleEncoded = /%25(?:[0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4})/;

const bareCharacters = "!$&'()*+,=:@";
/** No segment may hold these, but browsers send some of them bare; their escape is unambiguous. */
const escapedCharacters = '"<>[]^`{|}';

/** `careful`: may stand bare, but not everywhere or not in every company. */
const kind = { refused: 0, careful: 1, plain: 2, escaped: 3 } as const;
const kinds = characterKinds();

function characterKinds(): Uint8Array {
  const table = new Uint8Array(128);
  for (let code = 0; code < 128; code += 1) if (isUnreserved(code)) table[code] = kind.plain;
  for (const bare of bareCharacters) table[bare.charCodeAt(0)] = kind.plain;
  for (const other of escapedCharacters) table[other.charCodeAt(0)] = kind.escaped;
  table[slash] = kind.careful;
  table[dot] = kind.careful;
  table[colon] = kind.careful;
  return table;
}

/** The usual path: nothing to decode, resolve or look at twice. */
function isPlain(path: string): boolean {
  let previous = slash;
  for (let at = 1; at < path.length; at += 1) {
    const code = path.charCodeAt(at);
    if (kinds[code] !== kind.plain) {
      if (code === slash) {
        if (previous === slash || previous === dot) return false;
      } else if (code !== dot || previous === slash) {
        return false;
      }
    }
    previous = code;
  }
  return previous !== dot;
}

function decodeOnce(raw: string): CanonicalPath {
  let path = '';
  for (let at = 0; at < raw.length; ) {
    const code = raw.charCodeAt(at);
    if (code !== percent) {
      const found = kinds[code] ?? kind.refused;
      if (found === kind.refused) {
        return refuse(code === semicolon ? 'matrix_parameter' : 'raw_character');
      }
      path += found === kind.escaped ? escapeByte(code) : raw.charAt(at);
      at += 1;
      continue;
    }
    const escape = decodeEscape(raw, at);
    if (typeof escape === 'object') return escape;
    path += escape;
    at += escape.length === 1 ? 3 : escape.length;
  }
  return { ok: true, path };
}

/** What stands for the escape, or for the run of escapes above ASCII, that begins at `at`. */
function decodeEscape(raw: string, at: number): string | CanonicalPath {
  const byte = hexByte(raw, at + 1);
  if (byte < 0) return refuse('broken_escape');
  if (byte >= 0x80) return checkUtf8(raw, at);
  if (byte < 0x20 || byte === 0x7f) return refuse('control_character');
  if (byte === slash || byte === backslash) return refuse('encoded_separator');
  if (byte === semicolon) return refuse('matrix_parameter');
  return isUnreserved(byte) ? String.fromCharCode(byte) : escapeByte(byte);
}

function checkUtf8(raw: string, at: number): string | CanonicalPath {
  let end = at;
  while (raw.charCodeAt(end) === percent && hexByte(raw, end + 1) >= 0x80) end += 3;
  const run = raw.slice(at, end);
  try {
    // ECMA-262 refuses overlong forms, surrogates and truncated sequences here.
    const text = decodeURIComponent(run);
    return /[\u0080-\u009f]/.test(text) ? refuse('control_character') : run.toUpperCase();
  } catch {
    return refuse('invalid_utf8');
  }
}

/** RFC 3986, section 5.2.4, but a path that climbs above its root is refused. */
function resolveDots(path: string): CanonicalPath {
  const segments = path.slice(1).split('/');
  const kept: string[] = [];
  for (const [index, segment] of segments.entries()) {
    if (segment !== '.' && segment !== '..') {
      if (isAmbiguousTail(segment)) return refuse('ambiguous_tail');
      kept.push(segment);
      continue;
    }
    if (segment === '..' && kept.pop() === undefined) return refuse('above_root');
    if (index === segments.length - 1) kept.push('');
  }
  const resolved = `/${kept.join('/')}`;
  return resolved.length > pathLengthMax ? refuse('too_long') : { ok: true, path: resolved };
}

/** Names that some file systems take for another: `admin.`, `admin `, `admin::$DATA`. */
function isAmbiguousTail(segment: string): boolean {
  return (
    segment.endsWith('.') || segment.endsWith('%20') || unescapeReserved(segment).includes('::$')
  );
}

function refuse(problem: PathProblem): CanonicalPath {
  return { ok: false, problem };
}
