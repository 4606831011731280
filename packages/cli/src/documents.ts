import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { parseDocuments, placesIn } from '@sallyport/shared/configuration/parse';
import { nameOf } from '@sallyport/shared/configuration/set';
import type { FieldProblem } from '@sallyport/shared/errors';
import type { Terminal } from './call.ts';
import { Failure } from './exit.ts';
import { placesOf } from './placing.ts';
import { readSources, type Source } from './sources.ts';

/** Documents of files, with where each stands. */
export interface ReadDocuments {
  readonly sources: readonly Source[];
  readonly documents: readonly ConfigurationDocument[];
  /** `file:line:column` of a pointer in a document, by its kind and name; null: in none of them. */
  readonly placeOf: (document: string, pointer: string) => string | null;
}

/** Reads all documents of files, folders and standard input. Fails with every problem in them. */
export async function readDocuments(
  places: readonly string[],
  terminal: Pick<Terminal, 'stdin'>,
): Promise<ReadDocuments> {
  const sources = await readSources(places, terminal);
  const parsed = sources.map(({ name, text }) => parseDocuments(text, name));
  const problems = parsed.flatMap((one) => one.problems);
  if (problems.length > 0) {
    throw new Failure('invalid', 'the documents are not valid; nothing was sent', { problems });
  }
  const documents = parsed.flatMap((one) => one.documents);
  if (documents.length === 0) throw new Failure('invalid', 'there are no documents in the input');
  const twice = givenTwice(documents, sources);
  if (twice.length > 0) {
    throw new Failure('invalid', 'a name is given twice; nothing was sent', { problems: twice });
  }
  return { sources, documents, placeOf: placesIn(parsed) };
}

/** Documents of one kind and name, with all the places where they stand. */
function givenTwice(
  documents: readonly ConfigurationDocument[],
  sources: readonly Source[],
): readonly FieldProblem[] {
  const titles = documents.map(nameOf);
  if (new Set(titles).size === titles.length) return [];
  const places = Map.groupBy(placesOf(sources), ({ title }) => title);
  return [...places.values()].flatMap(([first, ...others]) =>
    others.map(({ place, title }) => ({
      field: `${place} ${title}`,
      message: `stands at ${first?.place ?? title} already`,
    })),
  );
}
