import { decodeBundle } from '@sallyport/shared/configuration/bundle';
import { checkSet, isBuiltIn } from '@sallyport/shared/configuration/set';
import { buildLiveBundle } from './live-bundle.ts';

/**
 * Whether a configuration version may go live: everything that the control plane checks before it
 * publishes, and that it compiles here. Throws with what is wrong.
 */
export function checkBundle(version: number, documentsJson: Uint8Array): void {
  const { documents } = decodeBundle(documentsJson);
  const own = documents.filter((document) => !isBuiltIn(document));
  const problems = checkSet(own, { builtIn: documents.filter(isBuiltIn), tests: false });
  if (problems.length > 0) {
    throw new TypeError(problems.map(({ field, message }) => `${field}: ${message}`).join('; '));
  }
  buildLiveBundle(version, documents);
}
