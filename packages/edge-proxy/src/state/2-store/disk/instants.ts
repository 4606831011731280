import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { Clock } from '@sallyport/shared/clock';

/** One moment, by the two clocks that go on while this process does not run. */
export interface Instant {
  readonly wallMs: number;
  /** null: it is not known which boot this is. */
  readonly boot: BootInstant | null;
}

export interface BootInstant {
  /** Of the boot of the machine: 32 hexadecimal digits. */
  readonly id: string;
  /** Since then, milliseconds. Nobody can set it, and on Linux it counts while suspended. */
  readonly ms: number;
}

/** Reads both clocks. */
export type InstantClock = () => Instant;

/** The clocks of this machine, with the wall clock that is given. */
export function machineInstants(wall: Clock): InstantClock {
  const id = bootId();
  return () => ({
    wallMs: wall(),
    // From /proc/uptime, which is CLOCK_BOOTTIME.
    boot: id === null ? null : { id, ms: uptime() * 1_000 },
  });
}

/** The moment that lies `ageMs` back; before the boot there is no boot time. */
export function before({ wallMs, boot }: Instant, ageMs: number): Instant {
  const bootMs = boot === null ? -1 : Math.floor(boot.ms - ageMs);
  return {
    wallMs: Math.floor(wallMs - ageMs),
    boot: boot === null || bootMs < 0 ? null : { id: boot.id, ms: bootMs },
  };
}

/**
 * How long ago a moment was that an earlier process wrote down, milliseconds; null: nobody knows,
 * so it counts as old as can be.
 *
 * Within one boot it is at least what the boot clock says, wherever the wall clock was set back to;
 * and no less than the wall clock says, for a virtual machine that was paused and a container that
 * has an uptime of its own count too little on the boot clock. Across boots there is only the wall
 * clock, and where that lies before the moment it says nothing.
 */
export function ageOf(then: Instant, now: Instant): number | null {
  const wallMs = now.wallMs - then.wallMs;
  const sameBoot = then.boot !== null && then.boot.id === now.boot?.id;
  const bootMs = sameBoot ? (now.boot?.ms ?? 0) - (then.boot?.ms ?? 0) : -1;
  const ageMs = Math.max(wallMs, bootMs);
  return ageMs < 0 ? null : ageMs;
}

const bootIdForm = /^[0-9a-f]{32}$/;

function bootId(): string | null {
  try {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '');
    return bootIdForm.test(id) ? id : null;
  } catch {
    return null;
  }
}
