import type { Kind } from '@sallyport/shared/configuration/documents';
import { nearest } from '@sallyport/shared/nearest';
import { Failure } from '../exit.ts';
import { type Api, apiPath } from './api.ts';
import { type Json, readObject, readObjects, show } from './reading.ts';

/** Things that are not there, in words that name what was probably meant. */

/** The failure for a name that none of the known ones is. */
export function missing(what: string, name: string, known: readonly string[]): Failure {
  const near = nearest(name, known);
  const hint = near === null ? '' : `; did you mean ${near}?`;
  return new Failure('not_found', `there is no ${what} ${name}${hint}`);
}

/** Names of the documents of one kind among these. */
function namesOf(documents: readonly Json[], kind: Kind): readonly string[] {
  return documents
    .filter((document) => document['kind'] === kind)
    .map((document) => show(readObject(document['metadata'], '"metadata" of a document'), 'name'));
}

/** Fails where no live document of this kind has the name. */
export async function checkThere(api: Api, kind: Kind, name: string): Promise<void> {
  const config = readObject(await api.get(apiPath('config')), 'the documents');
  const names = namesOf(readObjects(config, 'documents'), kind);
  if (!names.includes(name)) throw missing(kind, name, names);
}
