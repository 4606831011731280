import { type PathPattern, parseNetwork, parsePattern } from '@sallyport/policy';

/** Whether every path of `inner` is one of `outer`; false where one cannot be read. */
export function patternCovers(outer: string, inner: string): boolean {
  const [wide, narrow] = [patternOf(outer), patternOf(inner)];
  if (wide === null || narrow === null) return false;
  if (narrow.rest && !wide.rest) return false;
  if (narrow.segments.length < wide.segments.length) return false;
  if (narrow.segments.length > wide.segments.length && !wide.rest) return false;
  return wide.segments.every((literal, at) => literal === null || literal === narrow.segments[at]);
}

/** Whether a path could be of both; true where one cannot be read. */
export function patternsMeet(left: string, right: string): boolean {
  const [one, other] = [patternOf(left), patternOf(right)];
  if (one === null || other === null) return true;
  const [short, long] = one.segments.length <= other.segments.length ? [one, other] : [other, one];
  if (short.segments.length < long.segments.length && !short.rest) return false;
  return short.segments.every((literal, at) => {
    const opposite = long.segments[at] ?? null;
    return literal === null || opposite === null || literal === opposite;
  });
}

/** The first segment of a pattern, where it is a literal. */
export function firstLiteral(text: string): string | null {
  return patternOf(text)?.segments[0] ?? null;
}

/** Whether every address of `inner` is in `outer`; false where one cannot be read. */
export function networkCovers(outer: string, inner: string): boolean {
  const [wide, narrow] = [parseNetwork(outer), parseNetwork(inner)];
  if (wide === null || narrow === null || wide.family !== narrow.family) return false;
  return (
    wide.prefix <= narrow.prefix &&
    wide.words.every((word, at) => ((word ^ (narrow.words[at] ?? 0)) & (wide.masks[at] ?? 0)) === 0)
  );
}

function patternOf(text: string): PathPattern | null {
  const parsed = parsePattern(text);
  return parsed.ok ? parsed.pattern : null;
}
