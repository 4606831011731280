import type { Pool } from 'undici';
import type { TargetConfig } from '../../../state/current.ts';
import { type Standing, sound } from './ejection.ts';

/** One address of an upstream, and the connections to it of one route and one trust level. */
export class Target {
  readonly config: TargetConfig;
  /** All that its connections depend on. */
  readonly recipe: string;
  readonly pool: Pool;
  weight = 1;
  /** Requests under way. */
  inFlight = 0;
  standing: Standing = sound;

  constructor(config: TargetConfig, recipe: string, pool: Pool) {
    this.config = config;
    this.recipe = recipe;
    this.pool = pool;
  }
}
