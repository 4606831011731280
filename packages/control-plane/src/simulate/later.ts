import type { Facts } from '@sallyport/policy';

/**
 * After so long every date of a calendar falls on the same day of the week and of the year again, so
 * the time of day, the week and clocks put forward are as they were, and nearly every date that a
 * policy names is behind.
 */
const laterMs = 28 * 365.25 * 86_400_000;

/** The same request in the same circumstances, when the dates that policies name have passed. */
export function later(facts: Facts): Facts {
  const { nowMs, device, session, user } = facts;
  return {
    ...facts,
    nowMs: nowMs + laterMs,
    device:
      device.kind === 'known'
        ? {
            ...device,
            certificateNotBeforeMs: device.certificateNotBeforeMs + laterMs,
            certificateNotAfterMs: device.certificateNotAfterMs + laterMs,
            posture: device.posture.map((fact) => ({
              ...fact,
              observedAtMs: fact.observedAtMs + laterMs,
            })),
          }
        : device,
    session:
      session.kind === 'live'
        ? {
            ...session,
            authenticatedAtMs: session.authenticatedAtMs + laterMs,
            expiresAtMs: session.expiresAtMs + laterMs,
          }
        : session,
    user: user.kind === 'known' ? { ...user, employment: laterEmployment(user.employment) } : user,
  };
}

type Employment = Extract<Facts['user'], { readonly kind: 'known' }>['employment'];

function laterEmployment(employment: Employment): Employment {
  if (employment === null || employment.endsAtMs === null) return employment;
  return { ...employment, endsAtMs: employment.endsAtMs + laterMs };
}
