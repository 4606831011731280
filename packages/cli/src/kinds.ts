import { type Kind, kinds } from '@sallyport/shared/configuration/documents';
import { nearest } from '@sallyport/shared/nearest';
import { Failure } from './exit.ts';
import { type ResourceName, resources } from './resources.ts';

/** What `get` and `delete` can be asked for. */
export type Subject =
  | { readonly type: 'config' }
  | { readonly type: 'document'; readonly kind: Kind }
  | { readonly type: 'resource'; readonly name: ResourceName };

/** Every word for a subject: kinds without case, resources in singular and plural. */
const words: ReadonlyMap<string, Subject> = new Map<string, Subject>([
  ['config', { type: 'config' }],
  ...(Object.keys(kinds) as Kind[]).flatMap((kind) =>
    bothNumbers(kind.toLowerCase()).map((word) => [word, { type: 'document', kind }] as const),
  ),
  ...(Object.keys(resources) as ResourceName[]).flatMap((name) =>
    [name, name.replace(/s$/, '')].map((word) => [word, { type: 'resource', name }] as const),
  ),
]);

function bothNumbers(singular: string): readonly string[] {
  if (singular.endsWith('s')) return [singular];
  return [singular, singular.endsWith('y') ? `${singular.slice(0, -1)}ies` : `${singular}s`];
}

/** Finds what a word means; the failure names the nearest known word. */
export function subjectOf(word: string): Subject {
  const subject = words.get(word.toLowerCase());
  if (subject !== undefined) return subject;
  const near = nearest(word.toLowerCase(), [...words.keys()]);
  const hint = near === null ? `known: ${kindsHelp}` : `did you mean ${near}?`;
  throw new Failure('usage', `there is no kind ${word}; ${hint}`);
}

/** The words to show in help. */
export const kindsHelp: string = ['config', ...Object.keys(kinds), ...Object.keys(resources)].join(
  ', ',
);

/** The words that `delete` takes, to show in help. */
export const deletableHelp: string = [
  ...Object.keys(kinds),
  ...Object.values(resources)
    .filter(({ deletable }) => deletable)
    .map(({ singular }) => singular),
].join(', ');
