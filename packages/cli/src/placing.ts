import { readYaml, type SourceDocument } from '@sallyport/shared/configuration/yaml';
import type { FieldProblem } from '@sallyport/shared/errors';
import type { Source } from './sources.ts';

/** Where one document of the input stands. */
interface Placed {
  readonly file: string;
  readonly title: string;
  readonly origin: SourceDocument;
  readonly prefix: readonly string[];
}

/**
 * The control plane names a document by its place in the request (`/documents/3/spec`) or by kind
 * and name (`Route/wiki /spec`). The user knows files and lines, so this says those; a problem that
 * is in none of the files stays as it is.
 */
export function placeProblems(
  problems: readonly FieldProblem[],
  sources: readonly Source[],
): readonly FieldProblem[] {
  const placed = sources.flatMap(placedDocuments);
  return problems.map((problem) => {
    const [, index, ofIndex] = /^\/documents\/([0-9]+)((?:\/.*)?)$/.exec(problem.field) ?? [];
    const [, title, ofTitle] = /^([A-Za-z]+\/[a-z0-9-]+)(?: (\/.*))?$/.exec(problem.field) ?? [];
    const found =
      index === undefined
        ? placed.find((document) => document.title === title)
        : placed[Number(index)];
    if (found === undefined) return problem;
    const pointer = ofIndex ?? ofTitle ?? '';
    const { line, column } = found.origin.place([...found.prefix, ...pointerParts(pointer)]);
    const place = `${found.file}:${line}:${column} ${found.title}`;
    return { field: pointer === '' ? place : `${place} ${pointer}`, message: problem.message };
  });
}

/** Kind and name of every document of the input, and where it stands. */
export function placesOf(
  sources: readonly Source[],
): readonly { readonly title: string; readonly place: string }[] {
  return sources.flatMap(placedDocuments).map(({ file, origin, prefix, title }) => {
    const { line, column } = origin.place(prefix);
    return { title, place: `${file}:${line}:${column}` };
  });
}

function placedDocuments({ name, text }: Source): readonly Placed[] {
  return readYaml(text).documents.flatMap((origin) => {
    const { value } = origin;
    if (!Array.isArray(value)) return [placedAt(name, origin, value, [])];
    return value.map((item: unknown, index) => placedAt(name, origin, item, [String(index)]));
  });
}

function placedAt(
  file: string,
  origin: SourceDocument,
  value: unknown,
  prefix: readonly string[],
): Placed {
  const { kind, metadata } = value as { kind?: unknown; metadata?: { name?: unknown } };
  return { file, origin, prefix, title: `${String(kind)}/${String(metadata?.name)}` };
}

/** RFC 6901. */
function pointerParts(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
