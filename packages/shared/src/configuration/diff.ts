import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from 'diff';
import { stringify } from 'yaml';
import { canonicalJson } from '../canonical-json.ts';
import type { ConfigurationDocument, Kind } from './documents.ts';
import { nameOf } from './names.ts';

/** How two sets differ, for people: whole documents as text, line by line. */

export interface DocumentDiff {
  readonly kind: Kind;
  readonly name: string;
  readonly change: 'created' | 'updated' | 'deleted';
  /** Unified, with three lines around each change. */
  readonly diff: string;
}

const contextLines = 3;
/** Lines that differ, before a document is shown as replaced whole; the search grows with them. */
const editsMax = 2_000;

/** The documents of `after` that are not as in `before`, sorted by kind and name. */
export function documentDiffs(
  before: readonly ConfigurationDocument[],
  after: readonly ConfigurationDocument[],
): DocumentDiff[] {
  const earlier = new Map(before.map((document) => [nameOf(document), document]));
  const later = new Map(after.map((document) => [nameOf(document), document]));
  const names = [...new Set([...earlier.keys(), ...later.keys()])].sort();
  return names.flatMap((name) => diffOf(earlier.get(name), later.get(name)));
}

/** A document as YAML with one spelling: members sorted, no line folded. */
export function documentText(document: ConfigurationDocument): string {
  const sorted: unknown = JSON.parse(canonicalJson(document));
  return stringify(sorted, { lineWidth: 0, aliasDuplicateObjects: false });
}

function diffOf(
  before: ConfigurationDocument | undefined,
  after: ConfigurationDocument | undefined,
): DocumentDiff[] {
  const document = after ?? before;
  if (document === undefined) return [];
  const oldText = before === undefined ? '' : documentText(before);
  const newText = after === undefined ? '' : documentText(after);
  if (oldText === newText) return [];
  const { kind, metadata } = document;
  const change = before === undefined ? 'created' : after === undefined ? 'deleted' : 'updated';
  return [{ kind, name: metadata.name, change, diff: unified(nameOf(document), oldText, newText) }];
}

function unified(name: string, oldText: string, newText: string): string {
  const oldName = oldText === '' ? '/dev/null' : `a/${name}`;
  const newName = newText === '' ? '/dev/null' : `b/${name}`;
  const patch = structuredPatch(oldName, newName, oldText, newText, undefined, undefined, {
    context: contextLines,
    maxEditLength: editsMax,
  });
  if (patch !== undefined) return formatPatch(patch, FILE_HEADERS_ONLY);
  return replaced(oldName, newName, linesOf(oldText), linesOf(newText));
}

/** One hunk that takes all lines away and puts all lines in. */
function replaced(
  oldName: string,
  newName: string,
  oldLines: readonly string[],
  newLines: readonly string[],
): string {
  return [
    `--- ${oldName}`,
    `+++ ${newName}`,
    `@@ -${rangeOf(oldLines)} +${rangeOf(newLines)} @@`,
    ...oldLines.map((line) => `-${line}`),
    ...newLines.map((line) => `+${line}`),
    '',
  ].join('\n');
}

function rangeOf(lines: readonly string[]): string {
  return `${lines.length === 0 ? 0 : 1},${lines.length}`;
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}
