import { durationMs } from '@sallyport/policy';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { defaultRing } from '../store/releases.ts';
import type { GateSettings, RolloutRing } from '../store/schema/index.ts';

/** How versions go out, as the live settings say. */
export interface ReleaseSettings {
  readonly approvalRequired: boolean;
  /** In their order; the last is `default`, with all edges that are in no other. */
  readonly rings: readonly RolloutRing[];
  readonly gates: GateSettings;
  readonly blastRadius: {
    /** Share of the active users; null: any may lose access. */
    readonly limit: number | null;
    readonly windowMs: number;
  };
}

const windowDefaultMs = 7 * 86_400_000;
const gatesDefault: GateSettings = { denialRateFactor: 2, denialsMin: 20 };

/**
 * Reads the settings of a set. Those of the live set hold for the next one, so that no version can
 * let itself out.
 */
export function releaseSettings(live: readonly ConfigurationDocument[]): ReleaseSettings {
  const spec = live.find((document) => document.kind === 'Settings')?.spec;
  const { rings = [], gates, blastRadius } = spec?.rollout ?? {};
  return {
    approvalRequired: spec?.approval?.required ?? false,
    rings: [
      ...rings.map(({ name, edges, bake }) => ({
        name,
        matchLabels: edges.matchLabels,
        bakeMs: milliseconds(bake),
      })),
      { name: defaultRing, matchLabels: null, bakeMs: 0 },
    ],
    gates: { ...gatesDefault, ...gates },
    blastRadius: {
      limit: blastRadius?.usersShare ?? null,
      windowMs:
        blastRadius?.window === undefined ? windowDefaultMs : milliseconds(blastRadius.window),
    },
  };
}

/** The ring of an edge with these labels, as the edge itself finds it: the first that matches. */
export function ringOf(
  rings: readonly RolloutRing[],
  labels: Readonly<Record<string, string>>,
): string {
  const ring = rings.find(
    ({ matchLabels }) =>
      matchLabels === null ||
      Object.entries(matchLabels).every(([name, value]) => labels[name] === value),
  );
  return ring?.name ?? defaultRing;
}

/** The schema has checked its form. */
function milliseconds(duration: string): number {
  const ms = durationMs(duration);
  if (ms === null) throw new Error(`${duration} is no duration`);
  return ms;
}
