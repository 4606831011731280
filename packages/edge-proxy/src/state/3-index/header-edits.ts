import type { RouteDocument } from '@sallyport/shared/configuration/documents';
import { foldedHeader } from '@sallyport/shared/http/header-names';
import type { HeaderEdits } from '../current.ts';

const none: HeaderEdits = { removed: new Set(), added: [] };

/** What a route's document says of header lines; whoever sent them, in whatever spelling. */
export function headerEdits(
  edits: NonNullable<RouteDocument['spec']['headers']>['request'],
): HeaderEdits {
  if (edits === undefined) return none;
  const { set = [], remove = [] } = edits;
  return {
    removed: new Set([...set.map(({ name }) => name), ...remove].map(foldedHeader)),
    added: set.flatMap(({ name, value }) => [name, value]),
  };
}
