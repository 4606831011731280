import { Type } from 'typebox';
import { closed, duration, oneOf, strings } from './common.ts';

const score = Type.Integer({ minimum: 1, maximum: 100 });
const many = Type.Integer({ minimum: 1, maximum: 100_000 });
const speed = Type.Number({ minimum: 1, maximum: 100_000 });
const distance = Type.Number({ minimum: 1, maximum: 20_040 });

/** What every detector has: whether it looks, how much a finding weighs, and what comes of it. */
const common = {
  enabled: Type.Optional(Type.Boolean()),
  /** What a finding adds to `risk`, when it is new. */
  score: Type.Optional(score),
  /** After so long it weighs half. */
  halfLife: Type.Optional(duration),
  /** `signal`: rules decide what comes of it. `revoke`: the session is ended as well. */
  outcome: Type.Optional(oneOf('signal', 'revoke')),
};
const counting = Type.Object(
  { ...common, count: Type.Optional(many), window: Type.Optional(duration) },
  closed,
);
const plain = Type.Object(common, closed);
const travel = {
  /** Faster than this is no journey. */
  speedKmhMax: Type.Optional(speed),
  /** Shorter than this is no journey. */
  distanceKmMin: Type.Optional(distance),
};

/** Detectors by name; each has defaults (docs/signals.md). */
export const signals = Type.Object(
  {
    detectors: Type.Optional(
      Type.Object(
        {
          'impossible-travel': Type.Optional(
            Type.Object(
              {
                ...common,
                ...travel,
                /** The first entry that the user has a group of holds. */
                groups: Type.Optional(
                  Type.Array(
                    Type.Object(
                      {
                        groups: strings(256),
                        ...travel,
                        enabled: Type.Optional(Type.Boolean()),
                        outcome: common.outcome,
                      },
                      closed,
                    ),
                    { maxItems: 64 },
                  ),
                ),
              },
              closed,
            ),
          ),
          'failed-sign-ins': Type.Optional(counting),
          'denial-burst': Type.Optional(counting),
          'distant-sessions': Type.Optional(Type.Object({ ...common, ...travel }, closed)),
          'new-device': Type.Optional(plain),
          'new-country': Type.Optional(plain),
          'session-on-other-device': Type.Optional(plain),
        },
        closed,
      ),
    ),
    /** How long a dismissed finding is not raised again. Default: 30d. */
    dismissalsLast: Type.Optional(duration),
  },
  { ...closed, description: 'What is noticed of users, devices and sessions.' },
);
