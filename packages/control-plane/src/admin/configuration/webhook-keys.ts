import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { nameOf } from '@sallyport/shared/configuration/set';
import { type FieldProblem, SallyportError } from '@sallyport/shared/errors';
import type { SealKey } from '@sallyport/shared/seal';
import { ExportFailure } from '../../exports/failure.ts';
import { readKeys } from '../../exports/webhooks/sign.ts';
import type { Executor } from '../../store/database.ts';
import { readSecretText } from '../../store/secrets.ts';

/** Why no webhook can sign with the value of a secret; null: it can. */
export function keyProblem(value: string): string | null {
  try {
    readKeys(value);
    return null;
  } catch (error) {
    if (error instanceof ExportFailure) return error.message;
    throw error;
  }
}

/** Throws where a webhook names a secret that it cannot sign with: else each delivery would fail. */
export async function requireWebhookKeys(
  db: Executor,
  sealKey: SealKey,
  documents: readonly ConfigurationDocument[],
): Promise<void> {
  const problems: FieldProblem[] = [];
  for (const document of documents) {
    if (document.kind !== 'Settings') continue;
    for (const [index, { secret }] of (document.spec.webhooks ?? []).entries()) {
      const value = await readSecretText(db, sealKey, secret);
      const message = value === null ? null : keyProblem(value);
      const field = `${nameOf(document)} /spec/webhooks/${index}/secret`;
      if (message !== null) problems.push({ field, message });
    }
  }
  if (problems.length === 0) return;
  throw new SallyportError('invalid_configuration', 'the configuration was not applied', {
    problems,
  });
}
