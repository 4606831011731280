import type { FieldProblem } from '../errors.ts';
import type { ConfigurationDocument } from './documents.ts';
import { nameOf } from './names.ts';
import { pathOf } from './schema-problems.ts';
import { documentProblems, pointerOf } from './validate.ts';
import { readYaml, type SourceDocument, type SourceProblem } from './yaml.ts';

export { type ValidatedDocument, validateDocument } from './validate.ts';

export interface ParsedDocuments {
  readonly documents: readonly ConfigurationDocument[];
  /** Where something stands, for each of the documents: `file:line:column` of a JSON pointer in it. */
  readonly places: readonly ((pointer: string) => string)[];
  /** `file:line:column` and, where there is one, the JSON pointer in its document. */
  readonly problems: readonly FieldProblem[];
}

const problemsMax = 100;

/**
 * Reads the configuration documents of one file: YAML with one or more documents, or JSON with one
 * document or a list of them. Documents without problems are returned next to the problems of the
 * others. Never throws.
 */
export function parseDocuments(text: string, file: string): ParsedDocuments {
  const source = readYaml(text);
  const problems: PlacedProblem[] = source.problems.map((problem) => ({ ...problem, pointer: '' }));
  const documents: ConfigurationDocument[] = [];
  const places: ((pointer: string) => string)[] = [];
  for (const { value, prefix, origin } of source.documents.flatMap(items)) {
    const found = documentProblems(value);
    if (found.length === 0 && !origin.broken) {
      documents.push(value as ConfigurationDocument);
      places.push((pointer) => {
        const { line, column } = origin.place([...prefix, ...pathOf(pointer)]);
        return `${file}:${line}:${column}`;
      });
    }
    for (const { path, message } of found) {
      const place = origin.place([...prefix, ...path]);
      // What could not be read is not also of the wrong type.
      if (source.problems.some((other) => isSamePlace(other, place))) continue;
      problems.push({ ...place, message, pointer: pointerOf(path) });
    }
  }
  return { documents, places, problems: atMost(problems.sort(byPlace), file) };
}

/**
 * Where a pointer in a document of these files stands, as `file:line:column`; null for a document
 * of none of them. For what checkSet, tests and lint say, who know documents by kind and name.
 */
export function placesIn(
  files: readonly ParsedDocuments[],
): (document: string, pointer: string) => string | null {
  const places = new Map(
    files.flatMap((parsed) =>
      parsed.documents.map((document, at) => [nameOf(document), parsed.places[at]] as const),
    ),
  );
  return (document, pointer) => places.get(document)?.(pointer) ?? null;
}

interface PlacedProblem extends SourceProblem {
  readonly pointer: string;
}

interface Item {
  readonly value: unknown;
  readonly prefix: readonly string[];
  readonly origin: SourceDocument;
}

/** A list at the top stands for its items. */
function items(origin: SourceDocument): Item[] {
  if (!Array.isArray(origin.value)) return [{ value: origin.value, prefix: [], origin }];
  return origin.value.map((value: unknown, index) => ({ value, prefix: [String(index)], origin }));
}

function atMost(problems: readonly PlacedProblem[], file: string): FieldProblem[] {
  const shown = problems.slice(0, problemsMax).map(({ line, column, pointer, message }) => ({
    field: `${file}:${line}:${column}${pointer && ` ${pointer}`}`,
    message,
  }));
  const rest = problems.length - shown.length;
  return rest === 0 ? shown : [...shown, { field: file, message: `and ${rest} more problems` }];
}

type Place = Pick<SourceProblem, 'line' | 'column'>;

function isSamePlace(a: Place, b: Place): boolean {
  return a.line === b.line && a.column === b.column;
}

function byPlace(a: Place, b: Place): number {
  return a.line - b.line || a.column - b.column;
}
