/** What to do about an instance, by its outcome; docs/fleet.md says the same at length. */

import type { Outcome } from '../core/outcome.ts'

/** Those that keep a rollout from being complete. */
type Trouble = Exclude<Outcome, 'on-version' | 'joined' | 'left'>

const AGAIN = 'Reload again: only instances that do not run the version are restarted.'

const REMEDIES: Readonly<Record<Trouble, string>> = {
  running: 'Wait; follow it with ecs-pull-auth reload --command.',
  'rolled-back': `Read its agent’s log (journalctl -u ecs, /var/log/ecs/ecs-agent.log). ${AGAIN}`,
  'rollback-failed': 'Repair or replace it: its agent runs with neither file.',
  'agent-down': 'Find out why no agent is up there, and start it: its next start reads the version.',
  busy: AGAIN,
  'fetch-failed': 'Allow secretsmanager:GetSecretValue to its role; check its way to Secrets Manager.',
  refused: 'Run ecs-pull-auth lint on the stored config.',
  'write-failed': 'Check its disk, and who may write to /etc/ecs.',
  unsupported: 'Reload it another way, or take it out of fleet.targets.',
  'other-version': AGAIN,
  unclear: 'Read the output of the Run Command for it.',
  undelivered: 'Check that its SSM agent runs and is connected, and that ssm:SendCommand allows it.',
  'timed-out': 'Look at the instance: its agent or its disk hangs.',
  stopped: AGAIN,
  late: AGAIN,
  'not-tagged': 'Give it the tags that fleet.targets asks for, then reload.',
  'not-managed': 'Have its SSM agent run, with AmazonSSMManagedInstanceCore; deregister it from ECS if it is gone.',
  'not-targeted': 'Allow ssm:DescribeInstanceInformation, so that it can be found out why.',
}

export function remedyFor(outcome: Outcome): string | null {
  return isTrouble(outcome) ? REMEDIES[outcome] : null
}

function isTrouble(outcome: Outcome): outcome is Trouble {
  return Object.hasOwn(REMEDIES, outcome)
}
