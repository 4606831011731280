import type { Lane } from '@sallyport/shared/state/model';

/** The lanes that this version keeps. */
export const lanes = [
  'revoke',
  'signals',
  'config',
  'directory',
] as const satisfies readonly Lane[];

/** One value for each lane. */
export function eachLane<T>(make: (lane: Lane) => T): Record<Lane, T> {
  return {
    revoke: make('revoke'),
    signals: make('signals'),
    config: make('config'),
    directory: make('directory'),
  };
}
