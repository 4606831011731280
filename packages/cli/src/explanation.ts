import { reasons } from '@sallyport/policy';
import { type Json, readObject, readObjects, show, showTime, showValue } from './client/reading.ts';
import { printable } from './output/printable.ts';
import { fields } from './output/table.ts';

/** A decision and how it came about, for a person to read from top to bottom. */
export function describeExplanation(record: Json, explanation: Json | null): string {
  const parts = [describeRequest(record), describeVerdict(record, explanation)];
  if (explanation === null) {
    parts.push(
      'There is nothing more to explain: no rules were asked, or their version is gone.\n',
    );
  } else {
    parts.push(`Steps:\n${describeSteps(readObjects(explanation, 'trace'))}`);
    if (explanation['agrees'] !== true) {
      parts.push('Deciding again gives another verdict than the edge recorded. That is a bug.\n');
    }
  }
  return parts.join('\n');
}

function describeRequest(record: Json): string {
  return fields([
    ['Request', `${show(record, 'method')} ${show(record, 'host')}${show(record, 'path')}`],
    ['Time', showTime(record, 'time')],
    ['Reference', show(record, 'correlationId')],
    ['From', show(record, 'sourceAddress')],
    ['User', withId(show(record, 'userEmail'), show(record, 'userId'))],
    ['Session', show(record, 'sid')],
    ['Device', withId(show(record, 'deviceId'), shortened(show(record, 'certificateSha256')))],
    ['Edge', withId(show(record, 'edge'), show(record, 'region'))],
    ['Route', show(record, 'route')],
    ['Version', show(record, 'configVersion')],
    ['Revisions', revisions(record)],
    ['Status', show(record, 'status')],
    ['Ending', show(record, 'ending')],
  ]);
}

/**
 * The verdict with its reasons. A request that was permitted and cut off later has more reasons in
 * its record than its decision had: those of the later one.
 */
function describeVerdict(record: Json, explanation: Json | null): string {
  const outcome = show(record, 'outcome').toUpperCase().replace('_', ' ');
  const decision = explanation === null ? null : readObject(explanation['decision'], 'a decision');
  const decided = decision === null ? [] : readObjects(decision, 'reasons');
  const recorded = Array.isArray(record['reasons']) ? record['reasons'].map(showValue) : [];
  const describe = (code: string): string => {
    const detail = decided.find((reason) => reason['code'] === code)?.['detail'];
    const by = detail === undefined ? '' : ` (${showValue(detail)})`;
    return `  ${code}${by}: ${sentenceOf(code)}`;
  };
  const isLater = (code: string): boolean =>
    decision !== null && !decided.some((reason) => reason['code'] === code);
  const later = recorded.filter(isLater);
  const lines = [
    outcome,
    ...recorded.filter((code) => !isLater(code)).map(describe),
    ...(later.length > 0 ? [`and afterwards (${show(record, 'ending')})`] : []),
    ...later.map(describe),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function sentenceOf(code: string): string {
  return Object.hasOwn(reasons, code)
    ? reasons[code as keyof typeof reasons].sentence
    : 'see docs/errors.md';
}

type Line = readonly [kind: string, name: string, result: string];

function describeSteps(steps: readonly Json[]): string {
  const lines = steps
    .flatMap(linesOf)
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

function revisions(record: Json): string {
  const vector = record['revisions'];
  if (typeof vector !== 'object' || vector === null) return '';
  return Object.entries(vector)
    .map(([lane, position]) => {
      const { epoch, rev } = position as { epoch?: unknown; rev?: unknown };
      return `${lane} ${showValue(epoch)}.${showValue(rev)}`;
    })
    .join(', ');
}

function withId(text: string, id: string): string {
  if (text === '') return id;
  return id === '' ? text : `${text} (${id})`;
}

function shortened(sha256: string): string {
  return sha256 === '' ? '' : `certificate ${sha256.slice(0, 16)}…`;
}
