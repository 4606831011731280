import fc from 'fast-check';
import { canonicalPath, compile, decide } from '../src/index.ts';
import { facts } from './facts.ts';
import { policySets } from './policy-sets.ts';
import { at, next, type Property, same } from './property.ts';
import { rawPaths } from './raw-paths.ts';
import { paths } from './words.ts';

/** Laws of paths and of their spellings. */

export function idempotent(): Property {
  return fc.property(fc.oneof(rawPaths, fc.string(), paths), (raw) => {
    const once = canonicalPath(raw);
    if (once.ok) same(canonicalPath(once.path), once);
  });
}

export function clean(): Property {
  return fc.property(fc.oneof(rawPaths, paths), (raw) => {
    const canonical = canonicalPath(raw);
    if (!canonical.ok) return;
    const { path } = canonical;
    if (!/^\/(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-F]{2})*$/.test(path)) throw new Error(path);
    if (/\/\/|\/\.{1,2}(?:\/|$)|%2F|%5C|%3B|%[01]|%7F/.test(path)) throw new Error(path);
    decodeURIComponent(path);
  });
}

export function throughCanonical(): Property {
  return fc.property(policySets, facts, rawPaths, (set, one, raw) => {
    const compiled = compile(set);
    const canonical = canonicalPath(raw);
    const decision = decide(compiled, at(one, raw));
    if (canonical.ok && canonical.path === raw) return;
    // The gate hands on the canonical form; whatever else comes is denied.
    if (decision.outcome !== 'deny') throw new Error(`${raw} was not denied`);
    if (!canonical.ok) return;
    const again = canonicalPath(canonical.path);
    if (!again.ok) throw new Error(canonical.path);
    same(decide(compiled, at(one, again.path)), decide(compiled, at(one, canonical.path)));
  });
}

export function spelled(): Property {
  return fc.property(policySets, facts, fc.infiniteStream(fc.nat(7)), (set, one, numbers) => {
    const compiled = compile(set);
    const respelled = canonicalPath(respell(one.request.path, () => next(numbers)));
    if (!respelled.ok) throw new Error(respelled.problem);
    same(decide(compiled, at(one, respelled.path)), decide(compiled, one));
  });
}

/** Another way to write the same path: escapes, and dot segments that come to nothing. */
function respell(path: string, number: () => number): string {
  return path.replace(/%[0-9A-F]{2}|[a-z:]|\//g, (part) => {
    const choice = number();
    if (part === '/') return ['/./', '/z/../', '/%2e/', '/z/.%2E/'][choice] ?? '/';
    if (part.length === 3) return choice < 4 ? part.toLowerCase() : part;
    const hex = part.charCodeAt(0).toString(16);
    return choice < 2 ? `%${choice === 0 ? hex : hex.toUpperCase()}` : part;
  });
}
