import type { FieldProblem } from '../errors.ts';
import type { ConfigurationDocument } from './documents.ts';
import { documentProblems, pointerOf } from './validate.ts';
import { readYaml, type SourceDocument, type SourceProblem } from './yaml.ts';

export { type ValidatedDocument, validateDocument } from './validate.ts';

export interface ParsedDocuments {
  readonly documents: readonly ConfigurationDocument[];
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
  for (const { value, prefix, origin } of source.documents.flatMap(items)) {
    const found = documentProblems(value);
    if (found.length === 0 && !origin.broken) documents.push(value as ConfigurationDocument);
    for (const { path, message } of found) {
      const place = origin.place([...prefix, ...path]);
      // What could not be read is not also of the wrong type.
      if (source.problems.some((other) => isSamePlace(other, place))) continue;
      problems.push({ ...place, message, pointer: pointerOf(path) });
    }
  }
  return { documents, problems: atMost(problems.sort(byPlace), file) };
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
