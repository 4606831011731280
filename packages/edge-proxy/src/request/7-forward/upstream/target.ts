import type { TargetConfig } from '../../../state/current.ts';
import type { Connections } from './connections.ts';
import { type Standing, sound } from './ejection.ts';
import type { Known } from './health-checks.ts';

/** One address of an upstream, and the connections to it of one route and one trust level. */
export class Target {
  readonly config: TargetConfig;
  /** All that its connections depend on. */
  readonly recipe: string;
  readonly pool: Connections;
  weight = 1;
  /** Requests under way. */
  inFlight = 0;
  standing: Standing = sound;
  /** What checks say of it; null: it is not checked. */
  known: Known | null = null;

  constructor(config: TargetConfig, recipe: string, pool: Connections) {
    this.config = config;
    this.recipe = recipe;
    this.pool = pool;
  }

  get healthy(): boolean {
    return this.known === null || this.known.health.healthy;
  }
}
