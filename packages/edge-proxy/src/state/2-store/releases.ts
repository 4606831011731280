import type { Release } from '@sallyport/shared/state/model';
import type { LiveBundle, RingConfig } from '../current.ts';

type Labels = Readonly<Record<string, string>>;

const defaultRing = 'default';

/** The versions that releases name, those of shadows among them. */
export function versionsInUse(releases: ReadonlyMap<string, Release>): ReadonlySet<number> {
  const versions = new Set<number>();
  for (const { version, shadowVersion } of releases.values()) {
    versions.add(version);
    if (shadowVersion !== null) versions.add(shadowVersion);
  }
  return versions;
}

/**
 * The release that an edge with these labels follows: that of the first ring whose labels it has,
 * if there is one, else that of `default`. Which rings there are is said by the version that is
 * released to `default` alone: a version on its way cannot move edges between rings. null: there
 * is no release for it.
 */
export function releaseFor(
  releases: ReadonlyMap<string, Release>,
  labels: Labels,
  bundleOf: (version: number) => LiveBundle | null,
): Release | null {
  const fallback = releases.get(defaultRing) ?? null;
  const rings = fallback === null ? [] : (bundleOf(fallback.version)?.settings.rings ?? []);
  const ring = rings.find((one) => isIn(one, labels));
  return (ring === undefined ? undefined : releases.get(ring.name)) ?? fallback;
}

/** A ring that asks for no label is one of all edges. */
function isIn({ matchLabels }: RingConfig, labels: Labels): boolean {
  return Object.entries(matchLabels).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );
}
