/** What a rotation would do, as words for people: one list of facts for each step, in the order in which a rotation does it. */

import { type Cadence, frequencyText, missText } from './core/cadence.ts'
import { targetOf } from './core/outputs.ts'
import { countText, type Pace, paceText } from './core/pace.ts'
import type { Canary, Runbook } from './core/plan-rollout.ts'
import { durationText } from './core/schedule.ts'
import type { Preview } from './preview.ts'

type Facts = readonly (readonly [string, string])[]

export function previewParts(preview: Preview): readonly (readonly [title: string, facts: Facts])[] {
  const { secret, format, registries } = preview
  return [
    [`Mint, and merge into ${secret} (${format})`, registries.map(mintFact)],
    ['Prove', registries.map(proofFact)],
    ['Promote', [['AWSCURRENT', 'by compare-and-swap, and only if every proof is good']]],
    ...outputParts(preview),
    ...fleetParts(preview),
    ['Schedule', scheduleFacts(preview)],
  ]
}

function mintFact({ registry, provider, class: rotation, life, secrets, identity }: Preview['registries'][number]) {
  const source = secrets.length > 0 ? `with secret ${secrets.join(', ')}` : `as ${identity.join(' or ')}`
  const lives = life === null ? 'no known expiry' : `lives ${durationText(life)}`
  const kind = provider === rotation ? provider : `${provider} (${rotation})`
  return [registry, `${kind}, ${lives}, ${source}`] as const
}

function proofFact({ registry, probe, proof, realm }: Preview['registries'][number]) {
  const what = proof === 'pull' ? `pull ${probe}` : `log in for ${probe}, which anybody may pull`
  return [registry, realm === null ? what : `${what}; the credential goes to ${realm}`] as const
}

function outputParts({ outputs }: Preview): readonly (readonly [string, Facts])[] {
  const facts = outputs.map((output) => {
    const what = output.kind === 's3' ? 'the whole stored config' : output.registry
    return [output.kind, `${what} to ${targetOf(output)}`] as const
  })
  return facts.length === 0 ? [] : [['Write what was promoted to other places', facts]]
}

function fleetParts({ fleet, registries, instances, pace }: Preview): readonly (readonly [string, Facts])[] {
  if (fleet === null) return [['Reload', [['no fleet', 'the plan only rotates; nothing is reloaded or revoked']]]]
  const targets = Object.entries(fleet.targets).map(([key, values]) => `${key} = ${values.join(' or ')}`)
  const reload: Facts = [
    ['targets', targets.join(', and ')],
    ...(fleet.canary === null ? [] : [['canary', canaryText(fleet.canary)] as const]),
    ['document', `${fleet.document} (${fleet.mode})`],
    [
      'waves',
      `${fleet.maxConcurrency} at a time, ${durationText(fleet.jitter)} jitter, stopped by more than ${fleet.maxErrors} errors`,
    ],
    ['timeout', durationText(fleet.timeout)],
    ['drain', durationText(fleet.drain)],
    ...(fleet.cluster === null ? [] : [['cluster', `${fleet.cluster}, every instance of which must run it`] as const]),
    ...(fleet.alarm === null ? [] : [['alarm', `${fleet.alarm}, which stops the rollout`] as const]),
    ...(fleet.runbook === null ? [] : [['runbook', runbookText(fleet.runbook)] as const]),
    ...(fleet.allowEmpty ? [['empty', 'accepted: no instance need match'] as const] : []),
  ]
  const retire = registries.map(({ registry, revoke }) => [registry, RETIRED[revoke]] as const)
  return [
    ['Reload', reload],
    [`How long that takes${instances === null ? ', for example' : ''}`, pace.map(paceFact)],
    ['Retire, when every instance has the new version and the drain time is over', retire],
  ]
}

function canaryText(canary: Canary): string {
  const who =
    typeof canary === 'number'
      ? `${canary} instance${canary === 1 ? '' : 's'}`
      : Object.entries(canary)
          .map(([key, values]) => `${key} = ${values.join(' or ')}`)
          .join(', and ')
  return `${who} first; unless that is green, nothing else is reloaded`
}

function runbookText({ name, calendar, approvers, locations }: Runbook): string {
  const steps = [
    ...(calendar === null ? [] : [`if calendar ${calendar} is open`]),
    ...(approvers.length === 0 ? [] : [`when one of ${approvers.join(', ')} has approved`]),
    ...locations.map(({ accounts, regions }) => `in ${accounts.join(', ')} (${regions.join(', ')})`),
  ]
  return [name, ...steps].join(', ')
}

function paceFact(pace: Pace) {
  return [`${countText(pace.instances)} instance${pace.instances === 1 ? '' : 's'}`, paceText(pace)] as const
}

const RETIRED: Readonly<Record<Preview['registries'][number]['revoke'], string>> = {
  immediate: 'the old credential is revoked',
  'by-expiry': 'the old credential expires by itself',
  none: 'left alone: whoever made it revokes it',
}

function scheduleFacts({ rotation, proposal, live }: Preview): Facts {
  return [
    ...(rotation === null
      ? [['plan', 'has no schedule: something else asks for rotations'] as const]
      : cadenceFacts('plan', rotation)),
    ...(live === null || live.cadence === null ? [] : cadenceFacts('secret', live.cadence)),
    ...(live?.finding ? [['finding', live.finding] as const] : []),
    ...(rotation?.ok ? [] : [['proposal', proposal.text] as const]),
  ]
}

function cadenceFacts(whose: string, cadence: Cadence): Facts {
  const { expression, window, by } = cadence.schedule
  const how =
    by === 'secrets-manager'
      ? `${expression}, window ${durationText(window)}, by Secrets Manager`
      : `${expression}, by EventBridge Scheduler calling RotateSecret`
  return [
    [whose, `${how}: ${frequencyText(cadence)}${cadence.ok ? `; ${missText(cadence)}` : ''}`],
    ...cadence.registries.map(({ registry, verdict, text }) => [verdict, `${registry}: ${text}`] as const),
  ]
}
