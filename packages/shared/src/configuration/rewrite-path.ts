import { canonicalPath } from '@sallyport/policy';

/** What is done to the beginning of a path; empty texts do nothing. */
export interface PathRewrite {
  readonly stripPrefix: string;
  readonly addPrefix: string;
}

/**
 * The path that an upstream is asked for, of one that was decided on; null: that does not begin with
 * the prefix to take away, or what comes out could be read in more than one way (abuse row 63). By
 * whole segments, case counts, escapes as they stand in the canonical form.
 */
export function rewritePath(path: string, { stripPrefix, addPrefix }: PathRewrite): string | null {
  if (stripPrefix === '' && addPrefix === '') return path;
  const whole = path === stripPrefix;
  if (!whole && !path.startsWith(`${stripPrefix}/`)) return null;
  const rewritten = `${addPrefix}${path.slice(stripPrefix.length)}` || '/';
  const canonical = canonicalPath(rewritten);
  return canonical.ok && canonical.path === rewritten ? rewritten : null;
}
