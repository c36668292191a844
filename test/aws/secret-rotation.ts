/** RotateSecret: the placeholder, the four invocations after the answer, retries, cleaning up, abandoning (facts sections 2 and 4). */

import { CURRENT, PENDING } from './secret-versions.ts'
import type { RotationEvent, RotationRules, RotationRun, RotationSetup, StoredSecret } from './stored-secret.ts'
import {
  AwsRefusal,
  boolean,
  integer,
  type Json,
  type Of,
  type Operations,
  operation,
  string,
  structure,
  timestamp,
} from './wire.ts'
import type { World } from './world.ts'

const STEPS: readonly RotationEvent['Step'][] = ['createSecret', 'setSecret', 'testSecret', 'finishSecret']

const RULES = structure({
  AutomaticallyAfterDays: integer({ min: 1, max: 1000 }),
  Duration: string({ min: 2, max: 3, pattern: /^[0-9]+h$/ }),
  ScheduleExpression: string({ min: 1, max: 256, pattern: /^[0-9A-Za-z()#?*\-/, ]+$/ }),
})

const shapes = {
  rotate: structure(
    {
      SecretId: string({ min: 1, max: 2048 }),
      ClientRequestToken: string({ min: 32, max: 64 }),
      RotationLambdaARN: string({ max: 2048 }),
      RotationRules: RULES,
      RotateImmediately: boolean,
    },
    ['SecretId'],
  ),
  cancel: structure({ SecretId: string({ min: 1, max: 2048 }) }, ['SecretId']),
}

export class SecretRotation {
  readonly #world: World
  readonly #setup: RotationSetup

  constructor(world: World, setup: RotationSetup) {
    this.#world = world
    this.#setup = setup
  }

  operations(usable: (id: string) => StoredSecret): Operations {
    return {
      RotateSecret: operation(shapes.rotate, (input) => this.#rotate(usable(input.SecretId), input)),
      CancelRotateSecret: operation(shapes.cancel, (input) => this.#cancel(usable(input.SecretId))),
    }
  }

  describe(secret: StoredSecret): Json {
    const { rotation } = secret
    if (rotation === null) return {}
    return {
      RotationEnabled: rotation.enabled,
      RotationLambdaARN: rotation.functionArn,
      RotationRules: rotation.rules,
      ...(rotation.lastRotatedAt === undefined ? {} : { LastRotatedDate: timestamp(rotation.lastRotatedAt) }),
      ...nextRotation(secret, rotation),
    }
  }

  /** Whether a Put counts as the rotation function's own; a token of another rotation is refused. */
  checkWriter(secret: StoredSecret, version: string, token: string | undefined): boolean {
    if (token === undefined) return this.#setup.requireRotationToken === false
    if (secret.run?.token !== token || secret.run.version !== version) {
      throw new AwsRefusal('InvalidParameterException', 'The RotationToken is not the one of the rotation in progress.')
    }
    return true
  }

  /** A new version during a rotation abandons it: AWSPENDING is removed, RotationAbandoned is sent (section 4). */
  abandonFor(secret: StoredSecret, newVersion: string): void {
    if (secret.run === null || secret.run.version === newVersion) return
    const { version } = secret.run
    secret.run = null
    if (secret.versions.holder(PENDING) === version) secret.versions.drop(PENDING)
    this.#report(secret, 'RotationAbandoned', version)
  }

  #rotate(secret: StoredSecret, input: Of<typeof shapes.rotate>): Json {
    const version = input.ClientRequestToken
    if (version === undefined) {
      // Recorded: test_no_client_request_token[RotateSecret]; not the class that the other calls have.
      throw invalid('You must provide a ClientRequestToken value. We recommend a UUID-type value.')
    }
    const functionArn = input.RotationLambdaARN ?? secret.rotation?.functionArn
    // Recorded: test_first_rotate_secret_with_missing_lambda_arn.
    if (functionArn === undefined) throw refused('No Lambda rotation function ARN is associated with this secret.')
    this.#checkFunction(functionArn)
    const rules = input.RotationRules === undefined ? (secret.rotation?.rules ?? {}) : checkRules(input.RotationRules)
    const answer = { ARN: secret.arn, Name: secret.name, VersionId: version }
    // "Secrets Manager uses this value to prevent the accidental creation of duplicate versions" (API reference).
    if (secret.versions.get(version) !== undefined) return answer
    const pending = secret.versions.holder(PENDING)
    if (pending !== undefined && pending !== secret.versions.holder(CURRENT)) {
      // The stuck one is tried again (section 4).
      if (secret.run !== null) this.#start(secret, secret.run)
      throw refused("A previous rotation isn't complete. That rotation will be reattempted.")
    }
    secret.rotation = { functionArn, rules, lastRotatedAt: secret.rotation?.lastRotatedAt, enabled: true }
    const run: RotationRun = { version, token: this.#world.newId(), functionArn }
    if (input.RotateImmediately === false) this.#test(secret, run)
    else this.#begin(secret, run)
    return answer
  }

  /** Turns rotation off and leaves the labels as they are (section 4). */
  #cancel(secret: StoredSecret): Json {
    if (secret.rotation === null) {
      // The one cause that the API reference lists for its InvalidRequestException and that can be meant; moto's text.
      throw refused(
        "You tried to enable rotation on a secret that doesn't already have a Lambda function ARN configured and you didn't include such an ARN as a parameter in this call.",
      )
    }
    secret.rotation = { ...secret.rotation, enabled: false }
    const version = secret.run?.version
    secret.run = null
    return { ARN: secret.arn, Name: secret.name, ...(version === undefined ? {} : { VersionId: version }) }
  }

  #begin(secret: StoredSecret, run: RotationRun): void {
    const createdAt = this.#world.clock.now()
    secret.versions.store({ id: run.version, value: null, createdAt, withRotationToken: false }, [PENDING])
    secret.run = run
    this.#report(secret, 'RotationStarted', run.version)
    this.#start(secret, run)
  }

  readonly #running = new Set<RotationRun>()

  #start(secret: StoredSecret, run: RotationRun): void {
    if (this.#running.has(run)) return
    this.#running.add(run)
    this.#world.background(async () => {
      try {
        await this.#attempts(secret, run)
      } finally {
        this.#running.delete(run)
      }
    })
  }

  /** The whole rotation again from createSecret, under the same version (section 4). */
  async #attempts(secret: StoredSecret, run: RotationRun): Promise<void> {
    const { attempts = 3, retryAfter = 0 } = this.#setup
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      if (attempt > 1 && retryAfter > 0) await this.#world.clock.sleep(retryAfter, this.#world.closing)
      if (secret.run !== run || this.#world.closing.aborted) return
      const error = await this.#fourSteps(secret, run)
      if (secret.run !== run) return
      if (error === null) return this.#succeed(secret, run)
      this.#report(secret, 'RotationFailed', run.version, error)
    }
  }

  async #fourSteps(secret: StoredSecret, run: RotationRun): Promise<string | null> {
    for (const step of STEPS) {
      const { error } = await this.#invoke(secret, run, step)
      if (secret.run !== run) return null
      if (error !== undefined) return `Error when executing lambda ${run.functionArn} during ${step} step`
      const written = secret.versions.get(run.version)
      if (written?.value != null && !written.withRotationToken) {
        return `Pending secret version ${run.version} for Secret ${secret.arn} was not created by Lambda ${run.functionArn}. Remove the AWSPENDING staging label and restart rotation`
      }
    }
    return secret.versions.holder(CURRENT) === run.version
      ? null
      : `Version ${run.version} is not ${CURRENT} after finishSecret`
  }

  /** The label is taken off after the function has ended: a Move of AWSCURRENT alone leaves it there (section 2). */
  #succeed(secret: StoredSecret, run: RotationRun): void {
    secret.run = null
    if (secret.versions.holder(PENDING) === run.version) secret.versions.drop(PENDING)
    if (secret.rotation !== null) secret.rotation = { ...secret.rotation, lastRotatedAt: this.#world.clock.now() }
    this.#report(secret, 'RotationSucceeded', run.version)
  }

  /** RotateImmediately=false: a pending version with the current value, testSecret only, then the version goes (section 4). */
  #test(secret: StoredSecret, run: RotationRun): void {
    const current = secret.versions.get(secret.versions.holder(CURRENT) ?? '')
    const createdAt = this.#world.clock.now()
    const value = current?.value ?? null
    secret.versions.store({ id: run.version, value, createdAt, withRotationToken: true }, [PENDING])
    secret.run = run
    this.#report(secret, 'TestRotationStarted', run.version)
    this.#world.background(async () => {
      const { error } = await this.#invoke(secret, run, 'testSecret')
      if (secret.run !== run) return
      secret.run = null
      secret.versions.drop(PENDING)
      secret.versions.forget(run.version)
      const text =
        error === undefined ? undefined : `Error when executing lambda ${run.functionArn} during testSecret step`
      this.#report(secret, error === undefined ? 'TestRotationSucceeded' : 'TestRotationFailed', run.version, text)
    })
  }

  async #invoke(
    secret: StoredSecret,
    run: RotationRun,
    step: RotationEvent['Step'],
  ): Promise<{ readonly error?: string }> {
    const event = { Step: step, SecretId: secret.arn, ClientRequestToken: run.version, RotationToken: run.token }
    return (await this.#setup.invokeLambda?.(run.functionArn, event)) ?? { error: 'no function' }
  }

  /** Recorded: test_rotate_secret_invalid_lambda_arn. */
  #checkFunction(arn: string): void {
    const { functions, invokeLambda } = this.#setup
    if (invokeLambda !== undefined && functions?.includes(arn) !== false) return
    throw new AwsRefusal(
      'AccessDeniedException',
      'Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.',
    )
  }

  /** Section 7.2: requestParameters and responseElements are null; the ARN is in additionalEventData. */
  #report(secret: StoredSecret, eventName: string, version: string, errorMessage?: string): void {
    this.#world.emit({
      type: 'AWS Service Event via CloudTrail',
      source: 'aws.secretsmanager',
      detail: {
        eventSource: 'secretsmanager.amazonaws.com',
        eventName,
        requestParameters: null,
        responseElements: null,
        additionalEventData: { SecretId: secret.arn, ClientRequestToken: version },
        ...(errorMessage === undefined ? {} : { errorMessage }),
      },
    })
  }
}

/** Section 5: rates of 4 hours to 999 days, and one way to say when. */
function checkRules(rules: Of<typeof RULES>): Json {
  const { AutomaticallyAfterDays: days, ScheduleExpression: expression } = rules
  if (days !== undefined && expression !== undefined) {
    throw invalid("You can't specify both AutomaticallyAfterDays and ScheduleExpression in RotationRules.")
  }
  const hours = hoursOf(expression ?? 'rate(1 day)')
  const valid =
    hours === null ? expression?.startsWith('cron(0 ') && expression.endsWith(')') : hours >= 4 && hours <= 999 * 24
  if (!valid) throw invalid(`Invalid ScheduleExpression: ${expression}`)
  return rules
}

/** Of a rate; null for a cron expression. */
function hoursOf(expression: string): number | null {
  const rate = /^rate\((\d+) (hour|hours|day|days)\)$/.exec(expression)
  return rate === null ? null : Number(rate[1]) * (rate[2]?.startsWith('day') ? 24 : 1)
}

/**
 * Any new version counts as a rotation for the next date (section 4). Without the window, and for cron expressions not
 * at all: nothing of ours reads when exactly.
 */
function nextRotation(secret: StoredSecret, { enabled, rules }: RotationRules): Json {
  const { AutomaticallyAfterDays: days, ScheduleExpression: expression } = rules
  const hours = typeof days === 'number' ? days * 24 : hoursOf(String(expression))
  return enabled && hours !== null ? { NextRotationDate: timestamp(secret.changedAt + hours * 3_600_000) } : {}
}

function refused(message: string): AwsRefusal {
  return new AwsRefusal('InvalidRequestException', message)
}

function invalid(message: string): AwsRefusal {
  return new AwsRefusal('InvalidParameterException', message)
}
