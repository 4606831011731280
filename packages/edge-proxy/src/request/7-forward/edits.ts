import { headerName } from '../headers.ts';

/** The lines whose names are not among the folded ones, in a list of their own. */
export function remaining(lines: readonly string[], removed: ReadonlySet<string>): string[] {
  if (removed.size === 0) return lines.slice();
  const kept: string[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const spelling = lines[at] ?? '';
    if (!removed.has(headerName(spelling).folded)) kept.push(spelling, lines[at + 1] ?? '');
  }
  return kept;
}
