import { type Json, readObjects, show, showTime } from './client/reading.ts';
import { printable } from './output/printable.ts';

type Line = readonly [kind: string, name: string, result: string];

/** The steps of a decision for a person, a line each, in the order in which they were taken. */
export function describeSteps(steps: readonly object[]): string {
  const lines = steps
    .flatMap((step) => linesOf(step as Json))
    .map((line) => line.map(printable) as [string, string, string]);
  const width = Math.max(0, ...lines.map(([, name]) => name.length));
  return lines
    .map(([kind, name, result]) => `  ${kind.padEnd(9)}${name.padEnd(width)}  ${result}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('');
}

/** One step of the walk; kinds that this version does not know are shown as they are. */
function linesOf(step: Json): readonly Line[] {
  switch (step['step']) {
    case 'route':
      return [['route', show(step, 'route') || '-', routeWords[show(step, 'result')] ?? '']];
    case 'check':
      return [['check', show(step, 'check'), show(step, 'reason') || 'passes']];
    case 'index':
      return [[ruleKind(step), 'rules', describeIndex(step)]];
    case 'monitor':
      return [['monitor', 'only watches its rules', `until ${showTime(step, 'untilMs')}`]];
    case 'rule':
      return [
        [ruleKind(step), show(step, 'rule'), show(step, 'value')],
        ...readObjects(step, 'conditions').map(
          (condition): Line => ['', `  ${show(condition, 'field')}`, show(condition, 'value')],
        ),
      ];
    case 'staleness':
      return [['state', show(step, 'lane'), describeAge(step)]];
    case 'requirement':
      return [['requires', show(step, 'rule'), metWords[show(step, 'value')] ?? '']];
    default:
      return [[show(step, 'step'), JSON.stringify(step), '']];
  }
}

function describeIndex(step: Json): string {
  return `${show(step, 'candidates')} may apply to this user and path, ${show(step, 'ruledOut')} cannot`;
}

function describeAge(step: Json): string {
  const ageMs = step['ageMs'];
  const age =
    typeof ageMs === 'number' ? `${Math.round(ageMs / 100) / 10} s old` : 'never complete';
  return `${age}, ${stageWords[show(step, 'stage')] ?? show(step, 'stage')}`;
}

const stageWords: Readonly<Record<string, string>> = {
  fresh: 'fresh enough',
  step_up: 'so old that sessions from before are confirmed',
  deny_new_sessions: 'too old for new sessions',
  deny: 'too old for anybody',
};
const routeWords: Readonly<Record<string, string>> = {
  route: 'matches',
  none: 'no route matches',
  method_not_allowed: 'takes another method',
};
const metWords: Readonly<Record<string, string>> = {
  true: 'met',
  false: 'not met',
  pending: 'not met, nobody is signed in',
  unknown: 'not known',
};

function ruleKind(step: Json): string {
  return show(step, 'kind') === 'stepUp' ? 'step-up' : show(step, 'kind');
}
