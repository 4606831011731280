import { parseDocuments } from '@sallyport/shared/configuration/parse';
import { SallyportError } from '@sallyport/shared/errors';
import type { Static } from 'typebox';
import { badField, contradiction } from '../http/problems.ts';
import type { SetChange } from './next-set.ts';
import type { NewConfiguration } from './schemas.ts';

/** What a request changes. Throws with all that is wrong in its documents. */
export function readChange(given: Static<typeof NewConfiguration>): SetChange {
  const { documents, yaml, delete: deleted = [], prune = false } = given;
  if (documents !== undefined && yaml !== undefined) {
    throw contradiction('/yaml', 'give either `documents` or `yaml`');
  }
  if (documents === undefined && yaml === undefined && deleted.length === 0) {
    throw badField('/documents', 'is missing; there is nothing to apply');
  }
  if (yaml === undefined) return { given: documents ?? [], deleted, prune };
  const { documents: parsed, problems } = parseDocuments(yaml, 'yaml');
  if (problems.length > 0) {
    const detail = 'the configuration was not applied';
    throw new SallyportError('invalid_configuration', detail, { problems });
  }
  if (parsed.length === 0) throw badField('/yaml', 'holds no documents');
  return { given: parsed, deleted, prune };
}
