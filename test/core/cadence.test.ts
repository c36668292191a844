import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  frequencyText,
  judgeCadence,
  judgeRealSchedule,
  missText,
  proposeSchedule,
  refuseUnsafe,
  warnOfCadence,
} from '../../src/core/cadence.ts'
import { PullAuthError } from '../../src/core/errors.ts'
import type { Plan, PlannedRegistry } from '../../src/core/plan.ts'
import type {
  Journal,
  Provider,
  ProviderTraits,
  RotationRules,
  SecretArn,
  SecretDescription,
} from '../../src/core/ports.ts'
import { durationText, readSchedule, type Schedule, scheduleOf } from '../../src/core/schedule.ts'

const HOUR = 3600
const DAY = 86_400

interface Life {
  readonly ttl?: number | null
  readonly unasked?: number | null
  readonly most?: number | null
  readonly rotation?: ProviderTraits['rotation']
  readonly granularity?: ProviderTraits['ttl']['granularity']
}

/** `ttl` is what the plan asks for, `unasked` what the source gives by itself, `most` its maximum; all in seconds. */
function registry(key: string, life: Life): PlannedRegistry {
  const { ttl = null, unasked = null, most = null, rotation = 'exchange', granularity = 'second' } = life
  const provider: Provider = {
    kind: 'source',
    summary: 'Of this test.',
    traits: {
      rotation,
      ttl: { min: null, max: most, default: unasked, granularity },
      revoke: 'none',
      identity: ['none'],
      hosts: ['cli'],
      evidence: 'this test',
    },
    options: {},
    parse: () => ({}),
    mint: async () => assert.fail('nothing is minted here'),
  }
  return { key, provider, config: {}, secrets: [], ttl, probe: `${key}/app`, proof: 'pull', realm: null }
}

/** `timeout`: seconds of a rollout, null = no fleet. */
function planOf(
  registries: readonly PlannedRegistry[],
  timeout: number | null,
  rotation: Schedule | null = null,
): Plan {
  const fleet = {
    targets: { 'tag:ecs-pull-auth': ['prod'] },
    document: 'ecs-pull-auth-reload',
    mode: 'auth-only' as const,
    maxConcurrency: '10%',
    maxErrors: '0',
    timeout: timeout ?? 0,
    jitter: 30,
    drain: 300,
    cluster: null,
    allowEmpty: false,
    canary: null,
    runbook: null,
    alarm: null,
  }
  return { secret: 's', format: 'dockercfg', registries, fleet: timeout === null ? null : fleet, outputs: [], rotation }
}

function schedule(expression: string, window: number | null = null): Schedule {
  const read = readSchedule(expression, window)
  assert.ok(!('problem' in read), JSON.stringify(read))
  return read
}

function ofRules(rules: Partial<RotationRules>): Schedule {
  const read = scheduleOf({ scheduleExpression: null, duration: null, automaticallyAfterDays: null, ...rules })
  assert.ok(!('problem' in read), JSON.stringify(read))
  return read
}

// ── Schedules ────────────────────────────────────────────────────────────────────────────────────────────────────────

const SCHEDULES: readonly [expression: string, window: number | null, by: string, interval: number, open: number][] = [
  ['rate(4 hours)', null, 'secrets-manager', 4, 1],
  ['rate(4 hours)', 4, 'secrets-manager', 4, 4],
  ['rate(48 hours)', null, 'secrets-manager', 48, 1],
  ['rate(1 day)', null, 'secrets-manager', 24, 24],
  ['rate(10 days)', 1, 'secrets-manager', 240, 1],
  ['cron(0 /8 * * ? *)', null, 'secrets-manager', 8, 1],
  ['cron(0 /4 * * ? *)', 4, 'secrets-manager', 4, 4],
  ['cron(0 10 * * ? *)', null, 'secrets-manager', 24, 14],
  ['cron(0 22 ? * SAT *)', null, 'secrets-manager', 168, 2],
  ['rate(3 hours)', null, 'eventbridge-scheduler', 3, 0],
  ['rate(15 minutes)', null, 'eventbridge-scheduler', 0.25, 0],
  ['rate(1 hour)', null, 'eventbridge-scheduler', 1, 0],
  ['rate(300 minutes)', null, 'eventbridge-scheduler', 5, 0],
]

for (const [expression, window, by, interval, open] of SCHEDULES) {
  test(`${expression}, window ${window ?? 'not given'}: ${interval} h by ${by}, open for ${open} h`, () => {
    const read = schedule(expression, window === null ? null : window * HOUR)
    assert.deepEqual([read.by, read.interval / HOUR, read.window / HOUR], [by, interval, open])
  })
}

const BAD_SCHEDULES: readonly [expression: string, window: number | null, field: string, problem: RegExp][] = [
  ['4 hours', null, 'schedule', /must be rate\(N hours\)/],
  ['rate(0 hours)', null, 'schedule', /must be rate/],
  ['rate(4 weeks)', null, 'schedule', /must be rate/],
  ['rate(1000 days)', null, 'schedule', /not be slower than rate\(999 days\)/],
  ['rate(14 minutes)', null, 'schedule', /not be faster than rate\(15 minutes\): .* 100 versions/],
  ['rate(1 hour)', HOUR, 'window', /EventBridge Scheduler calls RotateSecret on time/],
  ['rate(4 hours)', 5 * HOUR, 'window', /at most 4h here: it must end before the next/],
  ['rate(300 hours)', 200 * HOUR, 'window', /at most 99h/],
  ['rate(4 hours)', 90 * 60, 'window', /whole hours/],
  ['rate(4 hours)', 60, 'window', /at least 1h/],
  ['rate(2 days)', 25 * HOUR, 'window', /at most 24h here: it must end with the UTC day/],
  ['cron(0 20 * * ? *)', 5 * HOUR, 'window', /at most 4h/],
  ['cron(0 0,4 * * ? *)', 5 * HOUR, 'window', /at most 4h/],
  ['cron(0 /2 * * ? *)', null, 'schedule', /2 h apart; Secrets Manager rotates every 4 hours at most/],
  ['cron(0 0 29 2 ? *)', null, 'schedule', /at least once a year/],
  ['cron(0 0 31 2 ? *)', null, 'schedule', /never comes/],
]

for (const [expression, window, field, problem] of BAD_SCHEDULES) {
  test(`refused with its field: ${expression}, window of ${window ?? 'no'} seconds`, () => {
    const read = readSchedule(expression, window)
    assert.ok('problem' in read)
    assert.equal(read.field, field)
    assert.match(read.problem, problem)
  })
}

test('the rules of a secret: an expression counts, the days beside it only repeat it', () => {
  const rules = { scheduleExpression: 'rate(4 hours)', duration: '2h', automaticallyAfterDays: 1 }
  assert.deepEqual(scheduleOf(rules), schedule('rate(4 hours)', 2 * HOUR))
  assert.equal(ofRules({ automaticallyAfterDays: 30 }).interval, 30 * DAY)
  assert.equal(ofRules({ automaticallyAfterDays: 1, duration: '3h' }).window, 3 * HOUR)
  assert.ok('problem' in scheduleOf({ scheduleExpression: null, duration: '3h', automaticallyAfterDays: null }))
})

// ── The table of facts/secrets-manager-rotation.md section 5 ─────────────────────────────────────────────────────────

describe('the table of the facts', () => {
  /** `gap`: hours that the facts give as the worst; `dead`: the longest that a credential is dead, 0 = never. */
  const TABLE: readonly [what: string, life: number, schedule: Schedule, gap: number, dead: number][] = [
    ['GitHub App installation, Google access', HOUR, schedule('rate(4 hours)'), 5, 4],
    ['ACR', 3 * HOUR, schedule('rate(4 hours)', HOUR), 5, 2],
    ['JFrog’s example', 21_600, schedule('rate(4 hours)', 4 * HOUR), 8, 2],
    ['JFrog’s example with Terraform’s default', 21_000, schedule('rate(4 hours)', 4 * HOUR), 8, 13 / 6],
    ['ECR', 12 * HOUR, schedule('rate(4 hours)'), 5, 0],
    ['ECR, slower', 12 * HOUR, schedule('rate(8 hours)'), 9, 0],
    ['ECR by AutomaticallyAfterDays=1', 12 * HOUR, ofRules({ automaticallyAfterDays: 1 }), 48, 36],
  ]
  for (const [what, life, planned, gap, dead] of TABLE) {
    test(`${what}: ${durationText(life)} life, ${planned.expression}`, () => {
      for (const timeout of [null, HOUR]) {
        const { need, ok, registries } = judgeCadence(planOf([registry('r.io', { unasked: life })], timeout), planned)
        assert.equal((need.interval + need.window) / HOUR, gap)
        assert.equal(Math.max(0, need.interval + need.window - life) / HOUR, dead)
        assert.equal(ok, dead === 0)
        assert.equal(registries[0]?.verdict, dead === 0 ? 'safe' : 'unsafe')
      }
    })
  }
})

describe('docs/cadence.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/cadence.md'), 'utf8')

  test('its table says what the code says', () => {
    const rows = [...page.matchAll(/^\| (.+) \| (\d+) h \| (`.+) \| (.+) \| (safe|dead for up to (\d+) h) \|$/gm)]
    assert.equal(rows.length, 5)
    for (const [, what = '', life = '', how = '', gaps = '', , dead = '0'] of rows) {
      const hours = Number(/window (\d+)h/.exec(how)?.[1] ?? '0')
      const judged = [...how.matchAll(/`([^`]+)`/g)].map(([, expression = '']) => {
        const days = /^AutomaticallyAfterDays=(\d+)$/.exec(expression)?.[1]
        const planned =
          days === undefined
            ? schedule(expression, hours === 0 ? null : hours * HOUR)
            : ofRules({ automaticallyAfterDays: Number(days) })
        const { need, ok } = judgeCadence(planOf([registry('r.io', { unasked: Number(life) * HOUR })], HOUR), planned)
        assert.equal(ok, dead === '0', what)
        return (need.interval + need.window) / HOUR
      })
      assert.equal(judged.map((gap) => `${gap} h`).join(', '), gaps, what)
      assert.equal(Math.max(0, ...judged.map((gap) => gap - Number(life))), Number(dead), what)
    }
  })

  test('its parts are those of the arithmetic', () => {
    const { need } = judgeCadence(planOf([registry('r.io', { ttl: DAY })], HOUR), schedule('rate(4 hours)'))
    assert.ok(page.includes(`| retries | ${durationText(need.retries)}: `))
    assert.ok(page.includes(`| margin | ${durationText(need.margin)}, `))
  })

  test('its EventBridge schedule is one that the plan takes', () => {
    const snippet = JSON.parse(/```json\n([\s\S]+?)```/.exec(page)?.[1] ?? '')
    assert.equal(schedule(snippet.ScheduleExpression).by, 'eventbridge-scheduler')
    assert.equal(snippet.FlexibleTimeWindow.Mode, 'OFF')
    assert.deepEqual(Object.keys(JSON.parse(snippet.Target.Input)), ['SecretId'])
  })
})

// ── Judging ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test('the arithmetic is one line of text, and data', () => {
  const plan = planOf([registry('acme.jfrog.io', { ttl: 6 * HOUR })], HOUR)
  const cadence = judgeCadence(plan, schedule('rate(4 hours)', 4 * HOUR))
  assert.equal(
    cadence.registries[0]?.text,
    '6 h life < 4 h interval + 4 h window + 30 min retries + 1 h rollout + 5 min margin = 9 h 35 min',
  )
  assert.deepEqual(cadence.need, {
    interval: 4 * HOUR,
    window: 4 * HOUR,
    retries: 1800,
    rollout: HOUR,
    margin: 300,
    total: 34_500,
  })
  assert.deepEqual([cadence.ok, cadence.rotationsPerDay, cadence.reloadsPerDay], [false, 6, 6])
})

test('a life that is exactly enough is enough, and one second less is not', () => {
  const need = 5 * HOUR + 1800 + HOUR + 300
  const judged = (life: number) =>
    judgeCadence(planOf([registry('r.io', { ttl: life })], HOUR), schedule('rate(4 hours)')).registries[0]
  assert.equal(judged(need)?.verdict, 'safe')
  assert.equal(
    judged(need)?.text,
    '6 h 35 min life ≥ 4 h interval + 1 h window + 30 min retries + 1 h rollout + 5 min margin = 6 h 35 min',
  )
  assert.equal(judged(need - 1)?.verdict, 'unsafe')
  assert.match(judged(need - 1)?.text ?? '', /^6 h 34 min 59 s life < /)
})

test('the drain time of a fleet is no part of the need: it only delays a revocation', () => {
  const plan = planOf([registry('r.io', { ttl: 12 * HOUR })], HOUR)
  const patient = { ...plan, fleet: plan.fleet === null ? null : { ...plan.fleet, drain: DAY } }
  const planned = schedule('rate(8 hours)')
  assert.deepEqual(judgeCadence(patient, planned), judgeCadence(plan, planned))
})

test('the plan’s ttl counts before the source’s own, and without both nothing expires', () => {
  const registries = [
    registry('asked.io', { ttl: 3 * HOUR, unasked: 90 * DAY }),
    registry('unasked.io', { unasked: 12 * HOUR }),
    registry('endless.io', {}),
    registry('kept.io', { rotation: 'static' }),
  ]
  const { ok, registries: judged } = judgeCadence(planOf(registries, null), schedule('rate(4 hours)'))
  assert.equal(ok, false)
  assert.deepEqual(
    judged.map(({ registry: key, life, verdict }) => [key, life, verdict]),
    [
      ['asked.io', 3 * HOUR, 'unsafe'],
      ['unasked.io', 12 * HOUR, 'safe'],
      ['endless.io', null, 'no-expiry'],
      ['kept.io', null, 'no-expiry'],
    ],
  )
  assert.match(judged[2]?.text ?? '', /source gives it no expiry/)
  assert.match(judged[3]?.text ?? '', /lives as long as it was made for/)
})

test('a life that its own rollouts use up is unsafe, however often it is rotated', () => {
  const plan = planOf([registry('r.io', { ttl: 2 * HOUR })], HOUR)
  const { ok, registries } = judgeCadence(plan, schedule('rate(15 minutes)'))
  assert.equal(ok, false)
  assert.equal(registries[0]?.text, '2 h life < 3 × 1 h rollout = 3 h')
})

test('a life that nobody can choose is not asked for', () => {
  const replaced = registry('r.io', { granularity: 'none' })
  const { registries } = judgeCadence(planOf([replaced], null), schedule('rate(4 hours)'))
  assert.match(registries[0]?.text ?? '', /no expiry; it lives until it is replaced$/)
  const { text } = proposeSchedule(planOf([registry('r.io', { unasked: HOUR, granularity: 'none' })], HOUR))
  assert.match(text, /Lower fleet\.timeout to 10m\.$/)
})

test('a rotation is one reload, however many registries it renews; without a fleet it is none', () => {
  const many = [registry('a.io', { ttl: DAY }), registry('b.io', { ttl: DAY })]
  assert.equal(judgeCadence(planOf(many, HOUR), schedule('rate(6 hours)')).reloadsPerDay, 4)
  const alone = judgeCadence(planOf(many, null), schedule('rate(6 hours)'))
  assert.deepEqual([alone.rotationsPerDay, alone.reloadsPerDay], [4, 0])
})

const FREQUENCIES: readonly [expression: string, timeout: number | null, text: string][] = [
  ['rate(4 hours)', HOUR, '6 fleet reloads a day'],
  ['rate(1 day)', HOUR, 'one fleet reload a day'],
  ['rate(3 days)', HOUR, 'one fleet reload every 3 days'],
  ['rate(6 hours)', null, '4 rotations a day'],
  ['cron(0 8 ? * MON-FRI *)', HOUR, 'one fleet reload every 1.4 days'],
  ['rate(15 minutes)', HOUR, '96 fleet reloads a day, 96 of the about 100 versions that Secrets Manager keeps'],
]

for (const [expression, timeout, text] of FREQUENCIES) {
  test(`how often: ${expression} is ${text}`, () => {
    const cadence = judgeCadence(planOf([registry('r.io', { ttl: 90 * DAY })], timeout), schedule(expression))
    assert.equal(frequencyText(cadence), text)
  })
}

// ── Proposing ────────────────────────────────────────────────────────────────────────────────────────────────────────

const PROPOSALS: readonly [life: number, timeout: number | null, expression: string, survivesMiss: boolean][] = [
  [12 * HOUR, HOUR, 'rate(4 hours)', true],
  [DAY, HOUR, 'rate(8 hours)', true],
  [36 * HOUR, HOUR, 'rate(12 hours)', true],
  [7 * DAY, HOUR, 'rate(3 days)', true],
  [365 * DAY, HOUR, 'rate(182 days)', true],
  [10 * 365 * DAY, HOUR, 'rate(999 days)', true],
  // No schedule of Secrets Manager survives a miss; its fastest is hurt least.
  [10 * HOUR, HOUR, 'rate(4 hours)', false],
  [6 * HOUR, 25 * 60, 'rate(4 hours)', false],
  [6 * HOUR, HOUR, 'rate(2 hours)', true],
  [3 * HOUR, HOUR, 'rate(30 minutes)', true],
  [3 * HOUR, 30 * 60, 'rate(30 minutes)', true],
  [HOUR, 10 * 60, 'rate(15 minutes)', false],
  [HOUR, null, 'rate(15 minutes)', false],
  [2 * HOUR, null, 'rate(30 minutes)', true],
]

for (const [life, timeout, expression, spare] of PROPOSALS) {
  test(`proposed for ${durationText(life)} and rollouts of ${durationText(timeout ?? 0)}: ${expression}`, () => {
    const plan = planOf([registry('r.io', { ttl: life }), registry('endless.io', {})], timeout)
    const proposal = proposeSchedule(plan)
    assert.ok(proposal.kind === 'schedule', proposal.text)
    const { cadence, text } = proposal
    assert.equal(cadence.schedule.expression, expression)
    assert.equal(cadence.ok, true)
    assert.ok(text.startsWith(`Use rotation: { schedule: ${expression}`), text)
    assert.ok(text.includes(spare ? 'survives one missed run' : 'does not survive a missed run'), text)
    assert.equal(missText(cadence), spare ? 'survives one missed run' : 'does not survive a missed run')
    // What is proposed is what the plan would read back.
    const { window, by } = cadence.schedule
    assert.deepEqual(schedule(expression, by === 'secrets-manager' ? window : null), cadence.schedule)
  })
}

test('the shortest life decides', () => {
  const proposal = proposeSchedule(planOf([registry('a.io', { ttl: 30 * DAY }), registry('b.io', { ttl: DAY })], HOUR))
  assert.ok(proposal.kind === 'schedule')
  assert.equal(proposal.cadence.schedule.expression, 'rate(8 hours)')
})

test('where a shorter rollout would do for Secrets Manager’s own schedule, that is said too', () => {
  const { text } = proposeSchedule(planOf([registry('r.io', { ttl: 6 * HOUR })], HOUR))
  assert.match(text, /^Use rotation: \{ schedule: rate\(2 hours\) \}, for EventBridge Scheduler calling RotateSecret: /)
  assert.match(
    text,
    /Or lower fleet\.timeout to 25m: then Secrets Manager's own rate\(4 hours\), window 1h, is enough\.$/,
  )
  const shorter = planOf([registry('r.io', { ttl: 6 * HOUR })], 25 * 60)
  assert.equal(judgeCadence(shorter, schedule('rate(4 hours)', HOUR)).ok, true)
})

test('nothing that expires: any schedule', () => {
  assert.equal(proposeSchedule(planOf([registry('r.io', {})], HOUR)).kind, 'any')
})

/** Where no schedule holds: what to change, each remedy tried. */
const HOPELESS: readonly [what: string, Life, timeout: number | null, RegExp][] = [
  ['both can be changed', { ttl: HOUR }, HOUR, /Lower fleet\.timeout to 10m, or ask for a ttl of 3h for r\.io\.$/],
  ['days only', { ttl: HOUR, granularity: 'day' }, HOUR, /or ask for a ttl of 1d for r\.io\.$/],
  ['the source gives no more', { unasked: HOUR, most: HOUR }, HOUR, /Lower fleet\.timeout to 10m\.$/],
  ['no fleet to shorten', { ttl: 30 * 60 }, null, /Ask for a ttl of 50m for r\.io\.$/],
  [
    'neither helps',
    { unasked: 45 * 60, most: HOUR },
    HOUR,
    /repositoryCredentials, which ECS reads at every task start/,
  ],
]

for (const [what, life, timeout, text] of HOPELESS) {
  test(`no schedule holds: ${what}`, () => {
    const proposal = proposeSchedule(planOf([registry('r.io', life)], timeout))
    assert.equal(proposal.kind, 'none')
    assert.match(proposal.text, /^No schedule holds for r\.io: even every 15 minutes is too slow\. /)
    assert.match(proposal.text, text)
  })
}

test('the remedies for a hopeless plan are just enough', () => {
  const shorter = planOf([registry('r.io', { ttl: HOUR })], 10 * 60)
  const longer = planOf([registry('r.io', { ttl: 3 * HOUR })], HOUR)
  for (const plan of [shorter, longer]) assert.equal(proposeSchedule(plan).kind, 'schedule')
})

// ── Where it acts ────────────────────────────────────────────────────────────────────────────────────────────────────

test('a plan whose own schedule is unsafe is refused with the arithmetic, and the hint proposes another', () => {
  const registries = [registry('a.io', { ttl: 6 * HOUR }), registry('b.io', { ttl: 7 * DAY })]
  const refused = planOf(registries, HOUR, schedule('rate(4 hours)', 4 * HOUR))
  assert.throws(
    () => refuseUnsafe(refused, 'plan.yaml'),
    (error) => {
      assert.ok(error instanceof PullAuthError)
      assert.equal(error.code, 'CADENCE_UNSAFE')
      assert.match(
        error.message,
        /schedule rate\(4 hours\) of the plan plan\.yaml .* a\.io: 6 h life < .* = 9 h 35 min\.$/,
      )
      assert.doesNotMatch(error.message, /b\.io/)
      assert.match(error.hint, /^Use rotation: \{ schedule: rate\(2 hours\) \}/)
      return true
    },
  )
  refuseUnsafe(planOf(registries, HOUR, schedule('rate(2 hours)')), 'plan.yaml')
  refuseUnsafe(planOf(registries, HOUR, null), 'plan.yaml')
})

describe('the schedule that a secret really has', () => {
  const secretWith = (rules: Partial<RotationRules> | null, enabled = true): SecretDescription => ({
    arn: 'arn:of-s' as SecretArn,
    name: 's',
    versions: new Map(),
    rotationEnabled: enabled,
    rotationFunction: enabled ? 'arn:of-function' : null,
    rotationRules:
      rules === null ? null : { scheduleExpression: null, duration: null, automaticallyAfterDays: null, ...rules },
  })
  const short = [registry('r.io', { ttl: 6 * HOUR })]
  const native = schedule('rate(4 hours)', HOUR)
  const faster = schedule('rate(2 hours)')
  const UNSAFE = /schedule rate\(4 hours\) of arn:of-s credentials die .* r\.io: 6 h life < .* Use rotation: /

  /** `finding`: null = none. */
  const CASES: readonly [what: string, Schedule | null, SecretDescription, finding: RegExp | null, judged: boolean][] =
    [
      ['unsafe', null, secretWith({ scheduleExpression: 'rate(4 hours)' }), UNSAFE, true],
      ['unsafe, unlike the plan’s', native, secretWith({ scheduleExpression: 'rate(4 hours)' }), UNSAFE, true],
      ['the backstop of a faster one', faster, secretWith({ scheduleExpression: 'rate(4 hours)' }), null, true],
      ['switched off', null, secretWith({ scheduleExpression: 'rate(1 day)' }, false), null, false],
      [
        'switched off, but the plan counts on it',
        native,
        secretWith(null, false),
        /asks for rate\(4 hours\), but rotation is not enabled on arn:of-s/,
        false,
      ],
      [
        'no function for the faster one',
        faster,
        secretWith(null, false),
        /asks for rate\(2 hours\), but rotation is not enabled/,
        false,
      ],
      ['none beside the faster one', faster, secretWith(null), null, false],
      [
        'none, but the plan counts on it',
        native,
        secretWith(null),
        /asks for rate\(4 hours\), but arn:of-s has no rotation schedule/,
        false,
      ],
      ['none', null, secretWith(null), null, false],
      [
        'unreadable',
        null,
        secretWith({ scheduleExpression: 'cron(0 0 X * ? *)' }),
        /is not known: its schedule has X as its day of month/,
        false,
      ],
      [
        'in days only',
        null,
        secretWith({ automaticallyAfterDays: 1 }),
        /AutomaticallyAfterDays=1 of arn:of-s .* 1 d interval \+ 1 d window/,
        true,
      ],
    ]
  for (const [what, rotation, secret, finding, judged] of CASES) {
    test(`${what}: ${finding === null ? 'nothing is said' : 'a finding'}`, () => {
      const plan = planOf(short, HOUR, rotation)
      const real = judgeRealSchedule(plan, secret)
      if (finding === null) assert.equal(real.finding, null)
      else assert.match(real.finding ?? '', finding)
      assert.equal(real.cadence !== null, judged)

      const warnings: string[] = []
      const journal: Journal = {
        mask: () => undefined,
        phase: () => undefined,
        info: () => undefined,
        warn: (message, detail) => warnings.push(`${detail?.['code']}: ${message}`),
      }
      warnOfCadence(journal, plan, secret)
      assert.deepEqual(warnings, real.finding === null ? [] : [`CADENCE_UNSAFE: ${real.finding}`])
    })
  }

  test('a safe one is judged and says nothing', () => {
    const plan = planOf([registry('r.io', { ttl: 12 * HOUR })], HOUR)
    const real = judgeRealSchedule(plan, secretWith({ scheduleExpression: 'rate(4 hours)', automaticallyAfterDays: 1 }))
    assert.deepEqual([real.finding, real.cadence?.ok], [null, true])
  })
})

test('durations are told in the units that people use', () => {
  assert.deepEqual([0, 59, 3600, 34_500, 90_061].map(durationText), [
    '0 s',
    '59 s',
    '1 h',
    '9 h 35 min',
    '1 d 1 h 1 min 1 s',
  ])
})
