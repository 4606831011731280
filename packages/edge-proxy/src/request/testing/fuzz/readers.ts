import { posix } from 'node:path';
import { canonicalHost, canonicalPath, isCanonicalPath } from '@sallyport/policy';
import { readCookieHeader, sessionCookie, setsOwnCookie } from '../../cookies.ts';

/**
 * What other programs make of what ours has let pass. Each function says what is wrong, or nothing;
 * none of them throws, whatever the text is.
 */

/** A path whose canonical form another reader would take for another path. */
export function pathViolation(raw: string): string {
  const canonical = canonicalPath(raw);
  if (!canonical.ok) return '';
  const { path } = canonical;
  if (!isCanonicalPath(path)) return `${path} has another form`;
  const once = decodeURIComponent(path);
  // A reader of URLs as browsers do it, one of file names, and those who decode twice or take more
  // characters for separators.
  if (new URL(`http://h${path}`).pathname !== path) return `a browser changes ${path}`;
  if (posix.normalize(once) !== once) return `a file system changes ${once}`;
  if (decodedAgain(once) !== once) return `${path} can be decoded twice`;
  if (/[\0-\x1f\x7f\\;]/.test(once)) return `${path} holds a separator or a control`;
  if (/[. ](?:\/|$)/.test(once)) return `${path} has a name that Windows would cut`;
  const browsers = canonicalPath(new URL(`http://h${raw}`).pathname);
  if (!browsers.ok || browsers.path !== path) return `${raw} is another path for a browser`;
  return '';
}

/** null where it does not come to anything. */
function decodedAgain(once: string): string {
  try {
    return decodeURIComponent(once);
  } catch {
    return once;
  }
}

/** A host that is not what was sent, or that a reader of URLs takes for another. */
export function hostViolation(raw: string): string {
  const host = canonicalHost(raw);
  if (host === null) return '';
  if (canonicalHost(host) !== host) return `${host} has another form`;
  if (raw.toLowerCase().replace(/\.$/, '') !== host) return `${raw} is not ${host}`;
  const url = `http://${host}/`;
  // Punycode that stands for nothing is no name for it.
  if (!URL.canParse(url)) return host.includes('xn--') ? '' : `${host} is no host`;
  return new URL(url).hostname === host ? '' : `a browser changes ${host}`;
}

const ours = (name: string) => /^__host-sallyport(?:[-\t ]|$)/i.test(name);

function nameOf(pair: string): string {
  const at = pair.indexOf('=');
  return (at < 0 ? pair : pair.slice(0, at)).replace(/^[\t ]+|[\t ]+$/g, '');
}

/** What of a Cookie header is not ours, as it came. */
export function othersIn(header: string): string {
  const others = header.split(';').filter((pair) => !ours(nameOf(pair)));
  return others.join(';').trim();
}

/** A Cookie header of which something of ours goes on, or something of others does not. */
export function cookieViolation(header: string): string {
  const { forUpstream, legacy, session } = readCookieHeader(header);
  const pairs = header.split(';');
  const kept = forUpstream === null ? [] : forUpstream.split(';');
  if (kept.some((pair) => ours(nameOf(pair)))) return 'a cookie of ours goes on';
  const others = pairs.filter((pair) => !ours(nameOf(pair)));
  const same = others.every((pair, at) => {
    const found = kept[at] ?? '';
    return found === pair || (at === 0 && found === pair.replace(/^[\t ]+/, ''));
  });
  const blank = forUpstream === null && others.join(';').trim() === '';
  if (!blank && (!same || kept.length !== others.length)) return 'the others do not go on as sent';
  const values = pairs
    .filter((pair) => pair.includes('=') && nameOf(pair) === sessionCookie)
    .map((pair) => pair.slice(pair.indexOf('=') + 1).replace(/^[\t ]+|[\t ]+$/g, ''));
  const [first] = values;
  const expected =
    first === undefined ? null : values.length === 1 && /^[\w.-]{1,2048}$/.test(first) ? first : '';
  if (session !== expected) return `the session is ${JSON.stringify(session)}`;
  return legacy.length > 16 ? 'too many names are recorded' : '';
}

/** A Set-Cookie line by which a browser would take a cookie of ours from an application. */
export function setCookieViolation(line: string): string {
  // RFC 6265bis, section 5.6: up to the first semicolon; without a name, the value stands for all.
  const [pair = ''] = line.split(';', 1);
  const at = pair.indexOf('=');
  const name = at < 0 ? '' : pair.slice(0, at).replace(/^[\t ]+|[\t ]+$/g, '');
  const value = pair.slice(at + 1).replace(/^[\t ]+|[\t ]+$/g, '');
  const sentBack = name === '' ? nameOf(value) : name;
  return ours(sentBack) && !setsOwnCookie(line) ? `${line} sets ${sentBack}` : '';
}
