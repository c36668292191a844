/** Plans and inputs that ask for something that cannot be. */

import { gitlabPlan } from './plans.ts'
import { actionRefuses, cliRefuses, planFile, planOption, singleInputs } from './refusal.ts'

actionRefuses([
  {
    what: 'neither a plan nor inputs',
    code: 'PLAN_MISSING',
    says: /Neither the input plan nor .* forks and Dependabot get no secrets/,
    inputs: () => ({}),
  },
  {
    what: 'a plan file that is not there',
    code: 'PLAN_MISSING',
    says: /nowhere\.yaml cannot be read.* actions\/checkout must run before/,
    inputs: () => ({ plan: 'nowhere.yaml' }),
  },
  {
    what: 'an empty plan file',
    code: 'PLAN_MISSING',
    says: /plan\.yaml is empty/,
    inputs: (stage) => planFile(stage, ' \n'),
  },
  {
    what: 'a mistake in the YAML',
    code: 'PLAN_UNREADABLE',
    says: /plan\.yaml is not readable as YAML or JSON: line 2: /,
    inputs: (stage) => planFile(stage, 'version: 1\nsecret: a: b\n'),
  },
  {
    what: 'a plan of ten megabytes',
    code: 'PLAN_UNREADABLE',
    says: /it has 10\d+ characters/,
    inputs: (stage) => planFile(stage, `version: 1\n# ${'x'.repeat(10_000_000)}`),
  },
  {
    what: 'a plan together with single inputs',
    code: 'USAGE',
    says: /plan does not go together with secret, registry/,
    inputs: (stage) => ({ ...singleInputs(stage), ...planFile(stage, gitlabPlan(stage)) }),
  },
  {
    what: 'an input that is empty, as from a missing secret',
    code: 'USAGE',
    says: /Missing: password\./,
    inputs: (stage) => singleInputs(stage, { password: '' }),
  },
  {
    what: 'a target without a value',
    code: 'USAGE',
    says: /targets has the line "prod" without a value/,
    inputs: (stage) => singleInputs(stage, { targets: 'prod' }),
  },
  {
    what: 'an unknown field',
    code: 'PLAN_INVALID',
    says: /fleets is not a field of the plan; did you mean fleet\?/,
    inputs: (stage) => planFile(stage, gitlabPlan(stage).replace('fleet:', 'fleets:')),
  },
  {
    what: 'an unknown provider',
    code: 'PLAN_INVALID',
    says: /provider is not a provider that this version knows; did you mean gitlab\?/,
    inputs: (stage) => planFile(stage, gitlabPlan(stage).replace('provider: gitlab', 'provider: gitlap')),
  },
  {
    what: 'a cluster that does not exist',
    code: 'CLUSTER_MISSING',
    says: /no active ECS cluster prod in this account and Region/,
    inputs: (stage) => planFile(stage, `${gitlabPlan(stage).trimEnd()}\n  cluster: prod\n`),
  },
])

cliRefuses([
  {
    what: 'a command without a plan',
    code: 'PLAN_MISSING',
    says: /--plan ecs-pull-auth\.yaml/,
    argv: () => ['rotate'],
  },
  {
    what: 'a plan that cannot be read',
    code: 'FILE_UNREADABLE',
    says: /nowhere\.yaml cannot be read/,
    argv: () => ['status', '--plan', 'nowhere.yaml'],
  },
  {
    what: 'every problem of a plan, in one go',
    code: 'PLAN_INVALID',
    says: /2 problems: .*ttl .*; fleet\.jitter /,
    argv: (stage) => [
      'rotate',
      ...planOption(stage, (plan) => `${plan}  jitter: soon\n`.replace('ttl: 12h', 'ttl: 12')),
    ],
  },
  {
    what: 'a command that does not exist',
    code: 'USAGE',
    says: /no command rotat.* Did you mean rotate\?/,
    exit: 2,
    argv: () => ['rotat'],
  },
  {
    what: 'a rollback with nobody to ask',
    code: 'USAGE',
    says: /no terminal to ask on.* Say --yes if you mean it/,
    exit: 2,
    argv: (stage) => ['rollback', ...planOption(stage)],
  },
  {
    what: 'a retirement with nobody to ask',
    code: 'USAGE',
    says: /no terminal to ask on.* Say --yes if you mean it/,
    exit: 2,
    argv: (stage) => ['retire', ...planOption(stage)],
  },
  {
    what: 'a number of instances that is none',
    code: 'USAGE',
    says: /--instances is not a number/,
    exit: 2,
    argv: (stage) => ['plan', ...planOption(stage), '--instances', 'many'],
  },
  {
    what: 'an option that does not exist',
    code: 'USAGE',
    says: /--plam/,
    exit: 2,
    argv: () => ['rotate', '--plam', 'x'],
  },
])
