import type {
  ConfigurationDocument,
  SettingsDocument,
} from '@sallyport/shared/configuration/documents';
import { shortenedAddress } from '@sallyport/shared/network/shortened';
import type { SeenEvidence } from './evidence.ts';

type Redaction = NonNullable<NonNullable<SettingsDocument['spec']['records']>['redact']>[number];

/** What is left out of access records: by route, and where a route says nothing of it. */
export interface Redactions {
  readonly usual: readonly Redaction[];
  readonly byRoute: ReadonlyMap<string, readonly Redaction[]>;
}

/** What a configuration says of it. */
export function redactionsOf(documents: readonly ConfigurationDocument[]): Redactions {
  const settings = documents.find((document) => document.kind === 'Settings');
  const byRoute = new Map<string, readonly Redaction[]>();
  for (const document of documents) {
    if (document.kind !== 'Route') continue;
    const { redact } = document.spec.records ?? {};
    if (redact !== undefined) byRoute.set(document.metadata.name, redact);
  }
  return { usual: settings?.spec.records?.redact ?? [], byRoute };
}

/**
 * The evidence without the addresses and places that records of the same route do not have. There is
 * no hash of an address: it is an edge that has the key. Detectors have seen all of it.
 */
export function redactEvidence(
  evidence: SeenEvidence,
  { usual, byRoute }: Redactions,
): SeenEvidence {
  const own = evidence.route === null ? undefined : byRoute.get(evidence.route);
  let shown = evidence;
  for (const { field, as } of own ?? usual) {
    if (field === 'sourceAddress') shown = withoutAddress(shown, as === 'truncate');
    if (field === 'place') shown = withoutPlaces(shown, as === 'truncate');
  }
  return shown;
}

function withoutAddress(evidence: SeenEvidence, network: boolean): SeenEvidence {
  const { here } = evidence;
  const sourceAddress = network ? shortenedAddress(here.sourceAddress) : '';
  return { ...evidence, here: { ...here, sourceAddress } };
}

function withoutPlaces(evidence: SeenEvidence, country: boolean): SeenEvidence {
  const nothing = { region: null, latitude: null, longitude: null, asn: null, egress: null };
  const less = country ? nothing : { ...nothing, country: null };
  const { here, before } = evidence;
  return {
    ...evidence,
    here: { ...here, ...less },
    before: before === null ? null : { ...before, ...less },
  };
}
